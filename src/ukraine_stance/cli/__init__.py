"""The `stance` command: parse, call, print, exit code. Rooms are imported where a command needs them."""

import logging
import os
import sys
from contextlib import nullcontext
from importlib.metadata import version
from typing import Annotated

import typer

from ukraine_stance.cli import configs, cross_validation, data, engines, models, promotion, scoring, sweeping
from ukraine_stance.errors import StanceError

# What Typer makes of Ctrl-C.
_INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(configs.app, name="config")
app.add_typer(models.app)
app.add_typer(scoring.app)
app.add_typer(engines.app)
app.add_typer(promotion.app)
app.add_typer(cross_validation.app)
app.add_typer(sweeping.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"stance {version('ukraine-stance')}")
        raise typer.Exit


@app.callback()
def stance(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Measure stance toward support for Ukraine in news statements."""


def main() -> None:
    """Run the command line; every error of ours is one line on stderr and its exit code."""
    # Read when OpenMP is loaded, by whichever library comes first. Threads that spin while they wait make training
    # several times slower where another program wants a core too.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.basicConfig(level=logging.WARNING, format="stance: %(message)s", stream=sys.stderr)
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ
    if several:  # as torchrun and accelerate launch start them
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # else each advises on parameters without gradient
        from ukraine_stance.models import processes

        if processes.rank():
            sys.exit(processes.follow())
    try:
        with processes.leading() if several else nullcontext():
            app()
    except StanceError as fault:
        print(fault, file=sys.stderr)
        sys.exit(fault.exit_code)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            print("interrupted", file=sys.stderr)
        raise
