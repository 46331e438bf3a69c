"""What goes to stdout, and where a command works."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ukraine_stance.errors import UserMistake

if TYPE_CHECKING:
    from rich.console import Console

    from ukraine_stance.project import Project


def project_at(root: Path) -> "Project":
    """The project of `--root`. Raises UserMistake when there is no such folder."""
    from ukraine_stance.project import Project

    if not root.is_dir():
        raise UserMistake(f"--root {root}: there is no such folder")
    return Project(root.resolve())


def print_all(parts: Any) -> None:  # noqa: ANN401 - rich renderables
    """Print tables and lines."""
    console = _stdout()
    for part in parts:
        console.print(part, markup=False, highlight=False, soft_wrap=isinstance(part, str))


def _stdout() -> "Console":
    from rich.console import Console

    # In a file or a pipe there is no width to respect, and a wrapped table is hard to read.
    return Console() if sys.stdout.isatty() else Console(width=160)
