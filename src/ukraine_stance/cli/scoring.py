"""`stance score`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ukraine_stance.cli.options import AsJson, Force, Root
from ukraine_stance.cli.printing import project_at

app = typer.Typer()


@app.command("score")
def score_command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="CSV, TSV, JSONL (.gz or .zst after it) or Parquet files, folders of them, or patterns in quotes.",
        ),
    ],
    model: Annotated[str, typer.Option(help="Run folder, runs:/ID or models:/NAME@ALIAS.")],
    out: Annotated[str, typer.Option(help="File of such an ending, or FOLDER/ for Parquet parts.")],
    text_column: Annotated[str, typer.Option(help="Column with the statements.")] = "text",
    prefix: Annotated[str, typer.Option(help="Put before the name of every column that is added.")] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of a text input.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="Column separator of a CSV input.")] = None,
    guard_formulas: Annotated[
        bool, typer.Option("--guard-formulas", help="Put ' before CSV cells that a spreadsheet would run.")
    ] = False,
    shard_rows: Annotated[int, typer.Option(min=1, hidden=True)] = 8192,
    force: Force = False,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Score every statement; what was stopped goes on when the command is given again.

    Rows that cannot be scored go to OUT.rejects.jsonl (FOLDER/_rejects for parts).
    """
    from ukraine_stance import classifier, tracking
    from ukraine_stance.scoring import ScoreJob, score_file

    job = ScoreJob(
        tuple(sources),
        Path(out),
        out.endswith("/"),
        text_column,
        prefix,
        encoding,
        delimiter,
        force,
        guard_formulas,
        shard_rows=shard_rows,
    )
    loaded = classifier.load(tracking.model_folder(project_at(root), model))
    summary = score_file(job, loaded)
    if loaded.calibration.choice and not loaded.calibration.choice.reached:
        print(f"warning: {loaded.calibration.choice.words}", file=sys.stderr)
    for warning in summary.warnings():
        print(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print(json.dumps(summary.as_dict(), indent=2))
        return
    for line in summary.lines():
        print(line)
    if summary.rejected:
        print(f"rejected rows with their reasons: {job.rejects}")
    print(job.out)
