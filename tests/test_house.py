"""The plan of the house, held: floors, lazy libraries, and what must never stand in the tree."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "ukraine_stance"

# A room may use the rooms of the floors before its own, and those before it on its own floor.
FLOORS = (
    ("labels", "errors", "records", "differences", "files", "progress", "project", "tables"),
    ("config", "corpus"),
    ("models", "calibration", "classifier"),
    ("evaluation", "fitting", "runs", "rounds", "tracking", "mlflow_model"),
    ("train", "cross_validate", "evaluate", "promote", "suggest", "sweep", "scoring"),
    ("cli",),
)
ROOMS = [room for floor in FLOORS for room in floor]
RECIPES = FLOORS[4]

MODULES = sorted(SOURCE.rglob("*.py"))


def _room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def _runtime_imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names imported anywhere in a module but for annotations alone."""
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _imported_rooms(path: Path) -> set[str]:
    names = _runtime_imports(ast.parse(path.read_text(encoding="utf-8")))
    ours = (name.split(".") for name in names if name.startswith("ukraine_stance."))
    return {parts[1] for parts in ours}


def test_every_module_stands_in_a_known_room() -> None:
    assert {_room(path) for path in MODULES} - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_module_imports_only_from_above(path: Path) -> None:
    room = _room(path)
    if room == "__init__":  # the door from Python stands outside the floors and opens lazily
        return
    above = set(ROOMS[: ROOMS.index(room) + 1])
    assert _imported_rooms(path) <= above
    if room in RECIPES:
        assert not _imported_rooms(path) & (set(RECIPES) - {room})


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["config", "check", "configs/train/tfidf.yaml"]])
def test_small_commands_load_no_large_library(words: list[str]) -> None:
    code = (
        "import sys; from ukraine_stance.cli import app\n"
        f"try: app({words!r})\nexcept SystemExit: pass\n"
        "large = {'torch', 'transformers', 'mlflow', 'sklearn', 'pandas', 'pyarrow', 'datasets'} & set(sys.modules)\n"
        "print(sorted(large), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_no_source_unpickles_or_runs_code_of_models() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in MODULES)
    assert not re.search(r"\bimport pickle|\bjoblib\b|torch\.load\(|trust_remote_code=True", text)
    assert "trust_remote_code=False" in text
