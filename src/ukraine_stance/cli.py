"""The `stance` command: parse, call, print, exit code. Rooms are imported where a command needs them."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ukraine_stance.errors import StanceError, UserMistake

if TYPE_CHECKING:
    from rich.console import Console

    from ukraine_stance.evaluation.results import Evaluation
    from ukraine_stance.project import Project

# What Typer makes of Ctrl-C.
_INTERRUPTED = 130

app = typer.Typer(
    help="Measure stance toward support for Ukraine in news statements.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Build and cut data.", no_args_is_help=True)
config_app = typer.Typer(help="Look at a config before anything is loaded.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(config_app, name="config")

Root = Annotated[Path, typer.Option("--root", help="Project folder.", show_default="the current folder")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=V", help="Override a config value; repeatable.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an output that exists.")]
ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of one experiment.")]
Samples = Annotated[int, typer.Option(min=100, help="Bootstrap resamples.")]
Level = Annotated[float, typer.Option(min=0.5, max=0.999, help="Confidence level of the intervals.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of the bootstrap.", show_default="the model's own")]
Labelled = Annotated[Path | None, typer.Option("--data", help="Labelled file (text, label; id, group optional).")]
Page = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the page of results.")]


@data_app.command("build")
def data_build(
    articles: Annotated[
        Path | None, typer.Option(help="Folder with the article files that the labels belong to.")
    ] = None,
    root: Root = Path(),
) -> None:
    """Build the dataset into data/built/: bundled statements, and labelled article sentences if given the files."""
    from ukraine_stance.corpus import dataset

    summary = dataset.build(_project(root), articles)
    for origin, counts in summary.counts.items():
        print(
            f"{origin}: {sum(counts.values())} statements ({', '.join(f'{n} {label}' for label, n in counts.items())})"
        )
    if articles is None:
        print("built from the bundled statements alone; --articles DIR adds the labelled article sentences")
    for line in summary.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(summary.path)


@data_app.command("split")
def data_split(
    articles: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with .txt or .html articles.")],
    out: Annotated[Path, typer.Option(help="CSV, JSONL or Parquet file for the statements.")],
    explain: Annotated[bool, typer.Option("--explain", help="List every dropped line with its rule.")] = False,
    force: Force = False,
) -> None:
    """Cut articles into statements, one row each, ready for `stance score`."""
    from ukraine_stance.corpus.statements import dropped_lines, split_folder

    counts, faults = split_folder(articles, out, force)
    for line in faults:
        print(f"left out: {line}", file=sys.stderr)
    if explain:
        for line in dropped_lines(articles):
            print(line)
    print(f"{sum(counts.values())} statements of {len(counts)} articles")
    print(out)


@config_app.command("check")
def config_check(config: ConfigFile, sets: Sets = None) -> None:
    """Name every fault of a config, or say that there is none."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file

    loaded = configs.load(config_file(config), sets or [])
    print(f"{config}: fine ({loaded.config.name}, {loaded.config.model.family})")


@config_app.command("show")
def config_show(config: ConfigFile, sets: Sets = None) -> None:
    """Print the resolved config, each value with its origin."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file

    print(configs.show(configs.load(config_file(config), sets or [])), end="")


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON schema of a config, for editors."""
    from ukraine_stance import config as configs

    print(json.dumps(configs.json_schema(), indent=2, ensure_ascii=False))


@app.command("train")
def train_command(
    config: ConfigFile,
    sets: Sets = None,
    out: Annotated[Path | None, typer.Option(help="Run folder.", show_default="a new one in experiments/runs/")] = None,
    force: Force = False,
    root: Root = Path(),
) -> None:
    """Train one model from a config; the last line printed is the run folder."""
    from ukraine_stance import config as configs
    from ukraine_stance.evaluation.console import summary_table
    from ukraine_stance.evaluation.results import results_of
    from ukraine_stance.project import config_file
    from ukraine_stance.runs import read_metrics
    from ukraine_stance.train import train

    run = train(_project(root), configs.load(config_file(config), sets or []).config, out, force)
    metrics = read_metrics(run)
    _print_all(summary_table(results_of(metrics), {metrics["model_id"]: run.folder.name}))
    print(run.folder)


@app.command("publish")
def publish_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")], root: Root = Path()
) -> None:
    """Send a finished run folder to MLflow, again or for the first time."""
    from ukraine_stance import config as configs
    from ukraine_stance import runs, tracking

    finished = runs.open_finished(run)
    mirror = tracking.publish(_project(root), finished, configs.load(finished.config).config.model_dump(mode="json"))
    print(f"{tracking.without_password(mirror.uri)} run {mirror.run_id}")


@app.command("evaluate")
def evaluate_command(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Run folder, runs:/ID or models:/NAME@ALIAS.")],
    data: Labelled = None,
    out: Page = None,
    as_json: AsJson = False,
    force: Force = False,
    samples: Samples = 2000,
    level: Level = 0.95,
    seed: Seed = None,
    root: Root = Path(),
) -> None:
    """Metrics with intervals on what the model held out, or on a labelled file."""
    _evaluate([model], data, out, as_json, force, (samples, level, seed), root)


@app.command("compare")
def compare_command(
    models: Annotated[list[str], typer.Argument(metavar="MODEL MODEL...", help="Two or more models.")],
    data: Labelled = None,
    out: Page = None,
    as_json: AsJson = False,
    force: Force = False,
    samples: Samples = 2000,
    level: Level = 0.95,
    seed: Seed = None,
    root: Root = Path(),
) -> None:
    """Paired differences of models on the same statements, with intervals."""
    if len(models) < 2:
        raise typer.BadParameter("compare needs two models or more", param_hint="MODEL")
    _evaluate(models, data, out, as_json, force, (samples, level, seed), root)


@app.command("score")
def score_command(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="CSV, TSV, JSONL or Parquet file.")],
    model: Annotated[str, typer.Option(help="Run folder, runs:/ID or models:/NAME@ALIAS.")],
    out: Annotated[Path, typer.Option(help="CSV, TSV, JSONL or Parquet file.")],
    text_column: Annotated[str, typer.Option(help="Column with the statements.")] = "text",
    prefix: Annotated[str, typer.Option(help="Put before the name of every column that is added.")] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of a text input.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="Column separator of a CSV input.")] = None,
    force: Force = False,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Score every statement of a file; rows that cannot be scored go to OUT.rejects.jsonl."""
    from ukraine_stance import classifier, tracking
    from ukraine_stance.scoring import ScoreJob, score_file

    job = ScoreJob(source, out, text_column, prefix, encoding, delimiter, force)
    summary = score_file(job, classifier.load(tracking.model_folder(_project(root), model)))
    if as_json:
        print(json.dumps(summary.as_dict(), indent=2))
        return
    for line in summary.lines(job):
        print(line)


def main() -> None:
    """Run the command line; every error of ours is one line on stderr and its exit code."""
    # Read when OpenMP is loaded, by whichever library comes first. Threads that spin while they wait make training
    # several times slower where another program wants a core too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.WARNING, format="stance: %(message)s", stream=sys.stderr)
    try:
        app()
    except StanceError as fault:
        print(fault, file=sys.stderr)
        sys.exit(fault.exit_code)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            print("interrupted", file=sys.stderr)
        raise


def _evaluate(
    names: list[str],
    data: Path | None,
    out: Path | None,
    as_json: bool,
    force: bool,
    interval: tuple[int, float, int | None],
    root: Path,
) -> None:
    from ukraine_stance.evaluate import evaluate
    from ukraine_stance.evaluation.console import comparison_lines, result_tables, summary_table
    from ukraine_stance.evaluation.report import check_folder

    if out:
        check_folder(out, force)  # before the models run for minutes
    found = evaluate(_project(root), names, data, interval)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    page = _write_page(found, out, force) if out else None
    if as_json:
        print(json.dumps(found.as_dict(), indent=2))
        return
    tables = result_tables if len(names) == 1 else summary_table
    _print_all(tables(found.results, dict(zip(found.model_ids, found.names, strict=True))))
    _print_all(comparison_lines(found.comparisons))
    if page is not None:
        print(page)


def _write_page(found: "Evaluation", out: Path, force: bool) -> Path:
    from ukraine_stance.evaluation.report import write_page

    return write_page(found, out, force)


def _project(root: Path) -> "Project":
    from ukraine_stance.project import Project

    if not root.is_dir():
        raise UserMistake(f"--root {root}: there is no such folder")
    return Project(root.resolve())


def _print_all(parts: Any) -> None:  # noqa: ANN401 - rich renderables
    console = _stdout()
    for part in parts:
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


def _stdout() -> "Console":
    from rich.console import Console

    # In a file or a pipe there is no width to respect, and a wrapped table is hard to read.
    return Console() if sys.stdout.isatty() else Console(width=160)


if __name__ == "__main__":
    main()
