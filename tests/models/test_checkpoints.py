"""Checkpoints that a killed process left in any state: only whole ones are gone on with."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ukraine_stance.errors import UserMistake
from ukraine_stance.models import checkpoints


def _checkpoint(workspace: Path, step: int, best: int | None, ended: bool = False) -> Path:
    folder = checkpoints.folder_of(workspace, step)
    folder.mkdir(parents=True)
    (folder / "optimizer.pt").write_bytes(b"moments" * step)
    control = {"TrainerControl": {"args": {"should_training_stop": ended}}}
    (folder / "trainer_state.json").write_text(json.dumps({"best_global_step": best, "stateful_callbacks": control}))
    return folder


def _sealed(workspace: Path, step: int, best: int | None, ended: bool = False) -> Path:
    folder = _checkpoint(workspace, step, best, ended)
    checkpoints.seal(folder)
    return folder


def test_the_newest_whole_checkpoint_is_found_by_number(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path) is None
    for step in (9, 10, 100):
        _sealed(tmp_path, step, best=9, ended=step == 100)
    _checkpoint(tmp_path, 101, best=9)
    found = checkpoints.newest(tmp_path)
    assert found == checkpoints.Checkpoint(tmp_path / "checkpoint-100", 100, 9, True)


@given(change=st.sampled_from(["remove", "cut", "other", "grow", "seal cut", "seal gone"]), name=st.integers(0, 1))
def test_any_damage_is_seen(tmp_path_factory: pytest.TempPathFactory, change: str, name: int) -> None:
    folder = _sealed(tmp_path_factory.mktemp("workspace"), 3, best=None)
    assert checkpoints.is_whole(folder)
    path = folder / ("optimizer.pt", "trainer_state.json")[name]
    path = folder / "complete.json" if change.startswith("seal") else path
    whole = path.read_bytes()
    changed = {"cut": whole[:-1], "other": b"x" + whole[1:], "grow": whole + b"x", "seal cut": whole[:-2]}
    path.write_bytes(changed[change]) if change in changed else path.unlink()
    assert not checkpoints.is_whole(folder)


def test_a_checkpoint_whose_best_epoch_is_gone_is_walked_past(tmp_path: Path) -> None:
    _sealed(tmp_path, 5, best=5)
    best = _sealed(tmp_path, 10, best=10)
    _sealed(tmp_path, 15, best=10)
    (best / "optimizer.pt").unlink()
    found = checkpoints.newest(tmp_path)
    assert found is not None and found.step == 5


def test_two_and_the_best_are_kept_and_later_ones_go_on_request(tmp_path: Path) -> None:
    for step in (2, 4, 6, 8, 10):
        _sealed(tmp_path, step, best=4)
    checkpoints.drop_old(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-4", "checkpoint-8", "checkpoint-10"}
    checkpoints.drop_after(tmp_path, 8)
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-4", "checkpoint-8"}
    checkpoints.drop_all(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_new_best_leaves_the_one_before_a_place_to_go_on_from(tmp_path: Path) -> None:
    for step, best in ((2, 2), (4, 2), (6, 6)):
        newest = _sealed(tmp_path, step, best)
        checkpoints.drop_old(tmp_path)
    (newest / "optimizer.pt").write_bytes(b"x")
    found = checkpoints.newest(tmp_path)
    assert found is not None and (found.step, found.best_step) == (4, 2)


def test_a_workspace_is_held_to_what_was_begun_there(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"settings": {"epochs": 3}, "data": "a", "threads": 2}
    _checkpoint(tmp_path, 1, best=None)
    checkpoints.begin(tmp_path, asked)
    assert not list(tmp_path.glob("checkpoint-*"))  # of nobody knows what
    checkpoints.begin(tmp_path, asked)
    for other, named in (({"threads": 3}, "threads: 2 there, 3 here"), ({"data": "b"}, "other data")):
        with pytest.raises(UserMistake, match=named):
            checkpoints.begin(tmp_path, {**asked, **other})
