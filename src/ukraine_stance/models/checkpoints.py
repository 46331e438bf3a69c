"""Checkpoints of a training that may be killed at any moment: sealed once whole, resumed from the newest that is.

The Trainer writes a checkpoint file by file, so a killed process leaves a folder that looks like one, and the Trainer
resumes without a word from one that lacks its optimizer or random state. A seal tells them apart: it is written last,
atomically, and names every file with its size and hash.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ukraine_stance.differences import difference
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, sha256_file, sync_folder, write_json

_SEAL = "complete.json"
_ASKED = "asked.json"
_PREFIX = "checkpoint-"
_STATE = "trainer_state.json"

# Kept with the best epoch of each: where the newest turns out damaged, there is one to walk back to.
_NEWEST_KEPT = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole checkpoint; best_step is that of the best epoch so far, None before the first is scored.

    ended tells that training had come to its end when it was written: no epoch was left, or patience was spent.
    """

    folder: Path
    step: int
    best_step: int | None
    ended: bool


def folder_of(workspace: Path, step: int) -> Path:
    """Where the Trainer puts the checkpoint of a step."""
    return workspace / f"{_PREFIX}{step}"


def begin(workspace: Path, asked: dict[str, Any]) -> None:
    """Note in the workspace what its training depends on, or hold what stands there to it.

    Raises UserMistake, naming what differs, where the workspace holds the training of something else.
    """
    path = workspace / _ASKED
    if not path.is_file():
        drop_all(workspace)
        write_json(path, asked)
        return
    differing = difference(read_json(path), asked)
    if differing:
        raise UserMistake(f"{workspace}: cannot go on with the training begun there ({differing}); train anew")


def is_begun(workspace: Path) -> bool:
    """Whether a training was begun in the workspace."""
    return (workspace / _ASKED).is_file()


def seal(folder: Path) -> None:
    """Declare a folder whole: its files are synced, then named in complete.json with their sizes and SHA-256."""
    files = {path.name: path for path in sorted(folder.iterdir()) if path.name != _SEAL}
    for path in files.values():
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
    told = {name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for name, path in files.items()}
    write_json(folder / _SEAL, {"files": told})
    sync_folder(folder.parent)


def is_whole(folder: Path) -> bool:
    """Whether the folder was sealed and every file is as it was then."""
    try:
        told = read_json(folder / _SEAL)["files"]
        return bool(told) and all(_is_as_told(folder / name, about) for name, about in told.items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def newest(workspace: Path) -> Checkpoint | None:
    """The newest checkpoint from which nothing is missing, the weights of its best epoch included."""
    for step in sorted(_steps(workspace), reverse=True):
        folder = folder_of(workspace, step)
        if is_whole(folder):
            found = _read(folder, step)
            if found.best_step in (None, step) or is_whole(folder_of(workspace, found.best_step or 0)):
                return found
    return None


def drop_after(workspace: Path, step: int) -> None:
    """Remove what a killed process left of later steps; training comes to them again."""
    _remove(folder_of(workspace, other) for other in _steps(workspace) if other > step)


def drop_old(workspace: Path) -> None:
    """Remove all checkpoints but the newest two and those of the best epochs that they name."""
    newest_kept = sorted(_steps(workspace))[-_NEWEST_KEPT:]
    kept = {*newest_kept, *(_best_step(folder_of(workspace, step)) for step in newest_kept)}
    _remove(folder_of(workspace, step) for step in _steps(workspace) if step not in kept)


def drop_all(workspace: Path) -> None:
    """Remove every checkpoint, once what training made is kept elsewhere."""
    _remove(folder_of(workspace, step) for step in _steps(workspace))


def _read(folder: Path, step: int) -> Checkpoint:
    state = read_json(folder / _STATE)
    control = state["stateful_callbacks"]["TrainerControl"]["args"]
    return Checkpoint(folder, step, state["best_global_step"] or None, bool(control["should_training_stop"]))


def _best_step(folder: Path) -> int | None:
    try:
        return read_json(folder / _STATE)["best_global_step"] or None
    except (OSError, ValueError, KeyError):  # a damaged one needs no other
        return None


def _steps(workspace: Path) -> list[int]:
    found = (path.name.removeprefix(_PREFIX) for path in workspace.glob(f"{_PREFIX}*"))
    return [int(number) for number in found if number.isdigit()]


def _is_as_told(path: Path, about: dict[str, Any]) -> bool:
    return bool(path.stat().st_size == about["bytes"]) and sha256_file(path) == about["sha256"]


def _remove(folders: Iterator[Path]) -> None:
    for folder in list(folders):
        (folder / _SEAL).unlink(missing_ok=True)  # first: a folder that is half removed must not look whole
        shutil.rmtree(folder)
