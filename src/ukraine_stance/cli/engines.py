"""`stance export`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from ukraine_stance.cli.options import AsJson, Root
from ukraine_stance.cli.printing import project_at
from ukraine_stance.errors import CheckRefused

app = typer.Typer()


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a transformer.")],
    engine: Annotated[
        Literal["all", "torch-packed", "torch-bf16", "openvino-bf16"],
        typer.Option(help="Which engine to make."),
    ] = "all",
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Make faster engines of a run for `stance score --engine` and measure whether they keep its labels.

    Exit code 3 where the engine named, or every one of all, is refused.
    """
    from ukraine_stance.evaluation.held_out import dataset_of
    from ukraine_stance.fitting import labelled
    from ukraine_stance.runs import open_finished
    from ukraine_stance.scoring import engines

    finished = open_finished(run)
    loaded = finished.load()
    data = dataset_of(project_at(root), loaded)
    names: list[str] = [engine]
    if engine == "all":
        names = [name for name in engines.ENGINES if not engines.missing(name)]
        for why in filter(None, map(engines.missing, engines.ENGINES)):
            print(f"left out: {why}", file=sys.stderr)
    made = engines.export(run, loaded, names, tuple(data.frame["text"]), labelled(data.part("validation")))
    if as_json:
        print(json.dumps([{**asdict(one), "faults": one.faults} for one in made], indent=2))
    else:
        for one in made:
            print(f"{'refused ' if one.faults else 'admitted'} {one.words}")
    if all(one.faults for one in made):
        raise CheckRefused("\n".join(f"{one.engine} is refused: {'; '.join(one.faults)}" for one in made))
