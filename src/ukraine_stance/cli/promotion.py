"""`stance promote`: the gate in front of the registry's champion."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ukraine_stance.cli.options import AsJson, Labelled, Root, Sets
from ukraine_stance.cli.printing import print_all, project_at
from ukraine_stance.errors import CheckRefused

if TYPE_CHECKING:
    from rich.table import Table

    from ukraine_stance.evaluation.gate import Decision
    from ukraine_stance.promote import Promotion

# In the project folder, else in the package.
_RULES = Path("configs/gate/default.yaml")

app = typer.Typer()


@app.command("promote")
def promote_command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Run folder, runs:/ID, models:/NAME/VERSION or @ALIAS.")
    ],
    rules: Annotated[Path | None, typer.Option(help="YAML file with the rules.", show_default=str(_RULES))] = None,
    sets: Sets = None,
    data: Labelled = None,
    trial: Annotated[bool, typer.Option("--dry-run", help="Judge alone: store and move nothing.")] = False,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Make a model the registry's champion if it passes the gate; exit 3 and the rules that failed if not."""
    from ukraine_stance import config as configs
    from ukraine_stance.project import config_file
    from ukraine_stance.promote import promote

    own = root / _RULES
    file = config_file(rules) if rules else (own if own.is_file() else config_file(_RULES))
    project = project_at(root)
    found = promote(project, configs.load_gate(file, sets or []), model, data, trial)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    print_all([json.dumps(found.as_dict(), indent=2)] if as_json else _lines(found))
    if found.decision and not found.decision.accepted:
        raise CheckRefused(_refusal(found, found.decision))


def _lines(found: "Promotion") -> "Iterator[Table | str]":
    if found.decision is None:
        known = f" (as {found.champion.uri})" if found.champion and found.champion.uri != found.model else ""
        yield f"{found.model} is the champion already{known}; nothing changes"
        return
    yield _table(found.decision)
    if found.decision.accepted:
        name = found.version.uri if found.version else found.model
        is_now = "is the champion" if found.version else "would be the champion"
        before = f"in place of {found.champion.uri}" if found.champion else "the first"
        yield f"accepted: {name} {is_now}, {before}; all {len(found.decision.findings)} rules hold"


def _table(decision: "Decision") -> "Table":
    from rich.table import Table

    against = f"against {decision.champion}" if decision.champion else "no champion yet: absolute floors"
    table = Table(title=f"{decision.model}, {against}", title_justify="left")
    for heading in ("rule", "figure", "bound", "holds"):
        table.add_column(heading, no_wrap=True)
    table.add_column("")
    for one in decision.findings:
        table.add_row(one.rule, one.shown, one.wanted, "yes" if one.held else "NO", one.words)
    return table


def _refusal(found: "Promotion", decision: "Decision") -> str:
    stays = f"{found.champion.uri} stays the champion" if found.champion else "there is no champion"
    failed = "; ".join(map(str, decision.failed))
    return f"refused: {len(decision.failed)} of {len(decision.findings)} rules fail: {failed}; {stays}"
