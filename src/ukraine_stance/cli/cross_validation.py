"""`stance cross-validate`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ukraine_stance.cli.options import AsJson, ConfigFile, Root, Sets
from ukraine_stance.cli.printing import print_all, project_at

app = typer.Typer()


@app.command("cross-validate")
def cross_validate_command(
    config: ConfigFile,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for predictions, figures and page.")],
    sets: Sets = None,
    hold_out: Annotated[
        Literal["fold", "outlet", "period"],
        typer.Option(help="Test every saved fold once, five sets of outlets once, or what is dated --from on."),
    ] = "fold",
    start: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="Where a held-out period begins: 2025 or 2025-03-01.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Begin anew where DIR is finished or holds something else.")
    ] = False,
    as_json: AsJson = False,
    root: Root = Path(),
) -> None:
    """Fit a config several times and test each fit on what it has not seen.

    What is done is kept: the same command given again after an interruption goes on with the rounds that are missing.
    """
    from ukraine_stance import config as configs
    from ukraine_stance.cross_validate import Question, cross_validate
    from ukraine_stance.evaluation.console import cross_validation_tables
    from ukraine_stance.evaluation.report import PAGE
    from ukraine_stance.files import read_json
    from ukraine_stance.project import config_file

    loaded = configs.load(config_file(config), sets or []).config
    done = cross_validate(project_at(root), loaded, Question(hold_out, start), out, force)
    if as_json:
        print(done.results.read_text(encoding="utf-8"), end="")
        return
    print_all(cross_validation_tables(read_json(done.results)))
    print(done.run.evaluation / PAGE)
