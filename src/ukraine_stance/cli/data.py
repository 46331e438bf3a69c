"""`stance data`: build, cut, check and grow data."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ukraine_stance.cli.options import AsJson, Force, LabellingTool, Level, Root, Samples
from ukraine_stance.cli.printing import print_all, project_at
from ukraine_stance.errors import CheckRefused, UserMistake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ukraine_stance.config import DataConfig
    from ukraine_stance.corpus.exchange.tasks import Suggestion, Task
    from ukraine_stance.project import Project

app = typer.Typer(help="Build, cut, check and grow data.", no_args_is_help=True)


@app.command("build")
def data_build(
    articles: Annotated[
        Path | None, typer.Option(help="Folder with the article files that the labels belong to.")
    ] = None,
    root: Root = Path(),
) -> None:
    """Build the dataset into data/built/: bundled statements, and labelled article sentences if given the files."""
    from ukraine_stance.corpus import dataset

    summary = dataset.build(project_at(root), articles)
    for origin, counts in summary.counts.items():
        print(
            f"{origin}: {sum(counts.values())} statements ({', '.join(f'{n} {label}' for label, n in counts.items())})"
        )
    if articles is None:
        print("built from the bundled statements alone; --articles DIR adds the labelled article sentences")
    for line in summary.left_out:
        print(f"left out: {line}", file=sys.stderr)
    print(summary.path)


@app.command("split")
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


@app.command("check")
def data_check(
    source: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Your labelled file; without one, the built dataset.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Check what this config trains and tests on.")] = None,
    articles: Annotated[
        Path | None, typer.Option(help="Folder with the article files, to find every labelled sentence in.")
    ] = None,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Look for leaks between parts, doubles, broken labels, imbalance and odd texts; exit 3 where figures would lie."""
    from ukraine_stance.corpus import annotations as labels
    from ukraine_stance.corpus import checking
    from ukraine_stance.corpus.articles import read_folder

    project = project_at(root)
    rows, found = checking.check_config(project, _data_config(source, config))
    if (rows["origin"] != "user").any():
        there = read_folder(articles)[0] if articles else None
        found += checking.check_annotations(labels.read(project.annotations), there)
    found.sort(key=lambda finding: not finding.grave)
    if as_json:
        print(json.dumps([{"rule": f.rule, "grave": f.grave, "said": f.said, "rows": f.rows} for f in found], indent=2))
    else:
        for finding in found:
            print(finding if finding.grave else f"look at: {finding}")
    counts = ", ".join(f"{count} {part}" for part, count in rows["part"].value_counts().items())
    unfound = "" if articles else "; article sentences were not looked up: --articles DIR does"
    print(f"{len(rows)} statements ({counts}){unfound}", file=sys.stderr)
    if any(finding.grave for finding in found):
        raise CheckRefused(f"refused; findings that would make figures lie: {sum(one.grave for one in found)}")


@app.command("agreement")
def data_agreement(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Statements with votes, or one row a vote; without it, the built dataset."),
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Agreement for each value of a column too.")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV, JSONL or Parquet file for the disputed statements.")] = None,
    as_json: AsJson = False,
    force: Force = False,
    samples: Samples = 2000,
    level: Level = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    root: Root = Path(),
) -> None:
    """How far coders agree, with intervals; the disputed statements; how well one coder does against the others."""
    import pyarrow as pa

    from ukraine_stance.corpus import dataset
    from ukraine_stance.corpus.votes import read_votes
    from ukraine_stance.evaluation.agreement import agree_on_parts, disagreements
    from ukraine_stance.evaluation.console import agreement_tables
    from ukraine_stance.evaluation.uncertainty import Resampling
    from ukraine_stance.tables import check_new, write_table

    if out is not None:
        check_new(out, force)
    rows = dataset.read_built(project_at(root)) if source is None else read_votes(source)
    # Bundled statements and article sentences are two sets; nobody wants the agreement on both in one figure.
    columns = [name for name in ("origin" if source is None else None, by) if name]
    parts = agree_on_parts(rows, columns, Resampling(samples, level, seed))
    if not parts:
        raise UserMistake(f"{source or 'the built dataset'}: no statement has the votes of two coders")
    disputed = disagreements(rows)
    if out is not None:
        write_table(out, pa.Table.from_pandas(disputed, preserve_index=False))
    if as_json:
        print(json.dumps({"parts": [part.as_dict() for part in parts], "disputed": len(disputed)}, indent=2))
        return
    print_all(agreement_tables(parts))
    where = f": {out}" if out else "; --out FILE lists them"
    print(f"disputed statements: {len(disputed)}{where}")


@app.command("tasks")
def data_tasks(
    pool: Annotated[
        Path, typer.Argument(metavar="POOL", help="Statements to label: CSV, JSONL or Parquet with `text`.")
    ],
    out: Annotated[Path, typer.Option(help="File that the tool imports.")],
    tool: LabellingTool = "label-studio",
    model: Annotated[str | None, typer.Option(help="Show this model's label as a suggestion.")] = None,
    force: Force = False,
    root: Root = Path(),
) -> None:
    """Write labelling tasks for Label Studio, doccano or Argilla."""
    from ukraine_stance.corpus.coding import check_task_files, read_pool, write_tasks

    check_task_files(tool, out, force)  # before a model reads the pool
    found = read_pool(pool)
    suggestions = _suggestions(project_at(root), model, found.tasks) if model else None
    files = write_tasks(found.tasks, tool, out, suggestions, force)
    for reject in found.rejects:
        print(f"left out: {pool}: row {reject.row}: {reject.reason}", file=sys.stderr)
    print(f"{len(found.tasks)} tasks, {len(found.rejects)} rows left out")
    for file in files:
        print(file)


@app.command("import")
def data_import(
    exports: Annotated[
        list[Path], typer.Argument(metavar="EXPORT...", help="What the tool exported, one file or several.")
    ],
    out: Annotated[Path, typer.Option(help="JSONL, Parquet or CSV file for the labelled statements.")],
    tool: LabellingTool = "label-studio",
    codebook: Annotated[
        str | None, typer.Option(help="Version of the codebook that the coders used.", show_default="the newest")
    ] = None,
    labelled_only: Annotated[
        bool, typer.Option("--labelled-only", help="Leave out statements without a label that most coders name.")
    ] = False,
    force: Force = False,
) -> None:
    """Read a labelling tool's export, every coder's vote kept; the output trains, and shows agreement."""
    from ukraine_stance.corpus.coding import import_labels
    from ukraine_stance.labels import CODEBOOK_VERSION

    found = import_labels(exports, tool, out, codebook or CODEBOOK_VERSION, labelled_only, force)
    coders = ", ".join(f"{name} {votes}" for name, votes in sorted(found.coders.items())) or "none"
    print(f"{found.statements} statements: {found.labelled} labelled, {found.tied} tied, {found.unlabelled} unlabelled")
    print(f"votes: {coders}")
    if labelled_only and found.labelled < found.statements:
        print(
            f"left out: {found.statements - found.labelled}; agreement on this file alone would look too good",
            file=sys.stderr,
        )
    print(found.path)


@app.command("suggest")
def data_suggest(
    pool: Annotated[
        Path, typer.Argument(metavar="POOL", help="Unlabelled statements: CSV, JSONL or Parquet with `text`.")
    ],
    model: Annotated[str, typer.Option(help="Run folder, runs:/ID or models:/NAME@ALIAS.")],
    out: Annotated[Path, typer.Option(help="CSV, JSONL or Parquet file for the chosen statements.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Statements to choose.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the clusters.")] = 0,
    force: Force = False,
    root: Root = Path(),
) -> None:
    """Choose what to label next: statements the model is unsure of, spread over what the pool is about."""
    from ukraine_stance import classifier, tracking
    from ukraine_stance.corpus.coding import read_pool, table_of
    from ukraine_stance.suggest import suggest
    from ukraine_stance.tables import check_new, write_table

    check_new(out, force)  # before the model reads the pool
    found = read_pool(pool)
    scores = classifier.load(tracking.model_folder(project_at(root), model)).score([task.text for task in found.tasks])
    chosen = suggest([task.text for task in found.tasks], scores, count, seed)
    rows = [
        {"id": task.statement_id, "text": task.text, **task.columns, "uncertainty": float(chosen.uncertainty[position])}
        for position, task in ((position, found.tasks[position]) for position in chosen.positions)
    ]
    write_table(out, table_of(rows))
    for reject in found.rejects:
        print(f"left out: {pool}: row {reject.row}: {reject.reason}", file=sys.stderr)
    print(f"{len(rows)} of {len(found.tasks)} statements, {len(found.rejects)} rows left out")
    print(out)


def _data_config(source: Path | None, config: Path | None) -> "DataConfig":
    from ukraine_stance import config as configs
    from ukraine_stance.config import DataConfig
    from ukraine_stance.project import config_file

    if source is not None and config is not None:
        raise UserMistake("data check: give a FILE or a --config, not both")
    if config is not None:
        return configs.load(config_file(config), []).config.data
    try:
        return DataConfig() if source is None else DataConfig(bundled=False, files=(str(source.resolve()),))
    except ValueError as fault:
        raise UserMistake(f"{source}: not read as labelled data; give a .csv, .tsv, .jsonl or .parquet file") from fault


def _suggestions(project: "Project", model: str, tasks: "Sequence[Task]") -> "dict[str, Suggestion]":
    """The model's most probable label for each task, also where it abstains."""
    from ukraine_stance import classifier, tracking
    from ukraine_stance.corpus.exchange.tasks import Suggestion
    from ukraine_stance.evaluation.results import predicted_columns
    from ukraine_stance.labels import ORDER

    loaded = classifier.load(tracking.model_folder(project, model))
    scores = loaded.score([task.text for task in tasks])
    rows = zip(tasks, predicted_columns(scores), scores["confidence"], strict=True)
    return {
        task.statement_id: Suggestion(str(ORDER[column]), float(sure), loaded.model_id) for task, column, sure in rows
    }
