"""`stance sweep`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ukraine_stance.cli.options import Root, Sets
from ukraine_stance.cli.printing import print_all, project_at

if TYPE_CHECKING:
    from rich.table import Table

    from ukraine_stance.sweep import Sweep

# Of many trials, those that a person looks at.
_SHOWN = 10

app = typer.Typer()


@app.command("sweep")
def sweep_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML file of a sweep.")],
    sets: Sets = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the sweep.", show_default="a new one in experiments/runs/"),
    ] = None,
    root: Root = Path(),
) -> None:
    """Search for better values on the validation fold; the last line printed is the config of the best trial.

    What is done is kept: the same command with the same --out goes on after an interruption, and with more trials after
    its end.
    """
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file
    from ukraine_stance.sweep import sweep

    done = sweep(project_at(root), configs.load_sweep(config_file(config), sets or []).config, out)
    ended = len(done.trials)
    print_all(
        [
            _table(done),
            f"note: the best of {ended} trials looks better on validation than it is; its test says how good it is",
            f"stance train {done.best_config}",
            str(done.best_config),
        ]
    )


def _table(done: "Sweep") -> "Table":
    from rich.table import Table

    best = sorted(done.trials, key=lambda one: (one.outcome != "completed", -(one.score or 0.0)))[:_SHOWN]
    table = Table(title=f"best {len(best)} of {len(done.trials)} trials", title_justify="left")
    for heading in ("trial", "validation macro-F1", "seconds", *done.best.values):
        table.add_column(heading)
    for one in best:
        score = "undefined" if one.score is None else f"{one.score:.3f}"
        shown = score if one.outcome == "completed" else f"{score} ({one.outcome})"
        table.add_row(str(one.number), shown, f"{one.seconds:.0f}", *map(_short, one.values.values()))
    return table


def _short(value: str) -> str:
    """A value of --set without the digits that nobody reads."""
    number = json.loads(value)
    return f"{number:.4g}" if isinstance(number, float) else value
