"""`stance train`, `publish`, `evaluate` and `compare`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ukraine_stance.cli.options import (
    AsJson,
    By,
    Cases,
    FieldShares,
    Force,
    Labelled,
    Level,
    NoCases,
    NoShortcuts,
    Page,
    Root,
    Samples,
    Seed,
    Sets,
)
from ukraine_stance.cli.printing import print_all, project_at

if TYPE_CHECKING:
    from ukraine_stance.evaluate import Question
    from ukraine_stance.evaluation.results import Evaluation

app = typer.Typer()


@app.command("train")
def train_command(
    config: Annotated[Path | None, typer.Argument(metavar="CONFIG", help="YAML file of one experiment.")] = None,
    sets: Sets = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="a new one in experiments/runs/")] = None,
    force: Force = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with an interrupted or killed run; takes no config.")
    ] = None,
    root: Root = Path(),
) -> None:
    """Train one model from a config, or go on with --resume; the last line printed is the run folder."""
    if resume is None and config is None:
        raise typer.BadParameter("give a config to train from, or --resume RUN", param_hint="CONFIG")
    if resume is not None and (config, sets, out, force) != (None, None, None, False):
        raise typer.BadParameter("goes on as the run began: no config, --set, --out or --force", param_hint="--resume")
    from ukraine_stance import config as configs
    from ukraine_stance import train as recipe
    from ukraine_stance.evaluation.console import summary_table
    from ukraine_stance.evaluation.results import results_of
    from ukraine_stance.project import config_file
    from ukraine_stance.runs import read_metrics

    project = project_at(root)
    if config is None:
        assert resume is not None
        run = recipe.resume(project, resume)
    else:
        run = recipe.train(project, configs.load(config_file(config), sets or []).config, out, force)
    metrics = read_metrics(run)
    print_all(summary_table(results_of(metrics), {metrics["model_id"]: run.folder.name}))
    print(run.folder)


@app.command("publish")
def publish_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")], root: Root = Path()
) -> None:
    """Send a finished run folder to MLflow, again or for the first time."""
    from ukraine_stance import config as configs
    from ukraine_stance import runs, tracking
    from ukraine_stance.files import sole_writer

    project = project_at(root)
    tracking.mark_dead(project)
    finished = runs.open_finished(run)
    with sole_writer(run):
        mirror = tracking.publish(project, finished, configs.load(finished.config).config.model_dump(mode="json"))
    print(f"{tracking.without_password(mirror.uri)} run {mirror.run_id}")


@app.command("evaluate")
def evaluate_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Run folder, runs:/ID or models:/NAME@ALIAS.")],
    data: Labelled = None,
    out: Page = None,
    as_json: AsJson = False,
    force: Force = False,
    cases: Cases = None,
    no_cases: NoCases = False,
    no_shortcuts: NoShortcuts = False,
    by: By = None,
    samples: Samples = 2000,
    level: Level = 0.95,
    seed: Seed = None,
    field_shares: FieldShares = None,
    root: Root = Path(),
) -> None:
    """Metrics with intervals on what the model held out, or on a labelled file."""
    from ukraine_stance.evaluate import Question

    folders, shares = _case_folders(cases, no_cases), _shares(field_shares)
    asked = Question(
        (model,), data, samples, level, seed, folders, tuple(by or ()), not no_shortcuts, shares, _explained(out)
    )
    _evaluate(asked, out, as_json, force, root)


@app.command("compare")
def compare_command(
    models: Annotated[list[str], typer.Argument(metavar="MODEL MODEL...", help="Two or more models.")],
    data: Labelled = None,
    out: Page = None,
    as_json: AsJson = False,
    force: Force = False,
    cases: Cases = None,
    no_cases: NoCases = False,
    no_shortcuts: NoShortcuts = False,
    by: By = None,
    samples: Samples = 2000,
    level: Level = 0.95,
    seed: Seed = None,
    field_shares: FieldShares = None,
    root: Root = Path(),
) -> None:
    """Paired differences of models on the same statements, with intervals."""
    if len(models) < 2:
        raise typer.BadParameter("compare needs two models or more", param_hint="MODEL")
    from ukraine_stance.evaluate import Question

    folders, shares = _case_folders(cases, no_cases), _shares(field_shares)
    asked = Question(
        tuple(models), data, samples, level, seed, folders, tuple(by or ()), not no_shortcuts, shares, _explained(out)
    )
    _evaluate(asked, out, as_json, force, root)


def _case_folders(own: list[Path] | None, none: bool) -> tuple[Path, ...]:
    """Folders of behavioural tests: ours, then the user's."""
    if own and none:
        raise typer.BadParameter("--cases runs cases and --no-cases runs none; give one of them", param_hint="--cases")
    from ukraine_stance.evaluation.behaviour import PACKAGED

    return () if none else (PACKAGED, *(own or ()))


def _explained(out: Path | None) -> int:
    """How many mistakes to explain: the page alone shows them."""
    from ukraine_stance.evaluation.assessment import EXPLAINED

    return EXPLAINED if out else 0


def _shares(text: str | None) -> tuple[float, float, float]:
    """The field's shares that an option names, else ours."""
    from ukraine_stance.evaluation.base_rate import parse_shares
    from ukraine_stance.labels import FIELD_SHARES

    return parse_shares(text) if text else FIELD_SHARES


def _evaluate(asked: "Question", out: Path | None, as_json: bool, force: bool, root: Path) -> None:
    from ukraine_stance.evaluate import evaluate
    from ukraine_stance.evaluation.console import (
        behaviour_table,
        comparison_lines,
        confidence_tables,
        error_lines,
        repeats_table,
        result_tables,
        shortcuts_table,
        slice_tables,
        summary_table,
        worst_slices_table,
    )
    from ukraine_stance.evaluation.report import check_folder

    if out:
        check_folder(out, force)  # before the models run for minutes
    found = evaluate(project_at(root), asked)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    page = _write_page(found, out, force) if out else None
    if as_json:
        print(json.dumps(found.as_dict(), indent=2))
        return
    tables = result_tables if len(asked.names) == 1 else summary_table
    print_all(tables(found.results, dict(zip(found.model_ids, found.names, strict=True))))
    print_all(confidence_tables(found))
    print_all(comparison_lines(found.comparisons))
    print_all(repeats_table(found))
    print_all(error_lines(found))
    print_all(worst_slices_table(found))
    print_all(slice_tables(found, asked.by))
    print_all(shortcuts_table(found))
    print_all(behaviour_table(found))
    if page is not None:
        print(page)


def _write_page(found: "Evaluation", out: Path, force: bool) -> Path:
    from ukraine_stance.evaluation.report import write_page

    return write_page(found, out, force)
