"""`stance score`."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

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
            help="CSV, TSV, JSONL (.gz or .zst after it) or Parquet files, folders, patterns, s3://..., or -.",
        ),
    ],
    model: Annotated[str, typer.Option(help="Run folder, runs:/ID or models:/NAME@ALIAS.")],
    out: Annotated[
        str,
        typer.Option(help="File with one of INPUT's endings, FOLDER/ for Parquet parts, an address of either, or -."),
    ],
    engine: Annotated[
        Literal["auto", "torch", "torch-packed", "torch-bf16", "openvino-bf16"],
        typer.Option(help="How a transformer is computed; auto is the fastest that `stance export` admitted."),
    ] = "auto",
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="auto|HOST:PORT",
            help="Score on the machines of a Ray cluster; auto: the one running here, or its own.",
        ),
    ] = None,
    text_column: Annotated[str, typer.Option(help="Column with the statements.")] = "text",
    prefix: Annotated[str, typer.Option(help="Put before the name of every column that is added.")] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of a text input.")] = "utf-8",
    delimiter: Annotated[str | None, typer.Option(help="Column separator of a CSV input.")] = None,
    form: Annotated[
        Literal["csv", "tsv", "jsonl", "parquet"],
        typer.Option("--format", help="Format of standard input and standard output."),
    ] = "csv",
    rejects: Annotated[
        Path | None, typer.Option(help="JSONL file for rejected rows where the output goes to standard output.")
    ] = None,
    guard_formulas: Annotated[
        bool, typer.Option("--guard-formulas", help="Put ' before CSV cells that a spreadsheet would run.")
    ] = False,
    shard_rows: Annotated[int, typer.Option(min=1, hidden=True)] = 8192,
    force: Force = False,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Score every statement; what was stopped goes on when the command is given again.

    Rows that cannot be scored go to OUT.rejects.jsonl (FOLDER/_rejects for parts). With `--out -` the counts are
    printed on stderr.
    """
    from ukraine_stance import classifier, tracking
    from ukraine_stance.errors import UserMistake
    from ukraine_stance.scoring import ScoreJob, engines, score_file
    from ukraine_stance.scoring.streams import STANDARD, keep_rejects, output_here, source_here

    if cluster and find_spec("ray") is None:
        raise UserMistake("--cluster: Ray is not installed; pip install 'ukraine-stance[ray]'")
    if rejects and out != STANDARD:
        raise UserMistake(f"--rejects: is for --out - alone; beside {out} rejects have a name of their own")
    if out in sources and out != STANDARD:
        raise UserMistake(f"{out}: is the input itself; give another --out")
    with source_here(tuple(sources), form) as given, output_here(out, form, force) as path:
        job = ScoreJob(
            given,
            path,
            out.endswith("/"),
            text_column,
            prefix,
            encoding,
            delimiter,
            force,
            guard_formulas,
            shard_rows=shard_rows,
        )
        # An alias is resolved to a version here, once.
        folder = tracking.model_folder(project_at(root), model)
        plain = classifier.load(folder)
        loaded = engines.behind(folder, plain, engine)
        if cluster:
            from ukraine_stance.scoring.cluster import on_cluster

            chosen = loaded.model_id.removeprefix(f"{plain.model_id}+") if loaded is not plain else engines.REFERENCE
            with on_cluster(cluster, folder, chosen) as scorer:
                summary = score_file(job, loaded, scorer)
        else:
            summary = score_file(job, loaded)
        if rejects:
            keep_rejects(job, rejects)
    choice = loaded.calibration.choice
    for warning in [*([choice.words] if choice and not choice.reached else []), *summary.warnings()]:
        print(f"warning: {warning}", file=sys.stderr)
    said = summary.lines()
    if summary.rejected:
        beside = f"{out.rstrip('/')}{str(job.rejects).removeprefix(str(job.out))}"
        kept = rejects or ("nowhere; --rejects FILE keeps them" if out == STANDARD else beside)
        said.append(f"rejected rows with their reasons: {kept}")
    if out != STANDARD:
        said.append(out)
    text = json.dumps(summary.as_dict(), indent=2) if as_json else "\n".join(said)
    print(text, file=sys.stderr if out == STANDARD else sys.stdout)
