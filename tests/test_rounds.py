"""The folder of a cross-validation: one question, rounds that stay, nothing of anybody's overwritten."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ukraine_stance.classifier import OUTPUT_COLUMNS
from ukraine_stance.errors import UserMistake
from ukraine_stance.rounds import Rounds, open_rounds

ASKED: dict[str, Any] = {"hold_out": "fold", "from": None, "config": {"model": {"c": 8.0}, "seed": 7}, "data": "d1"}
IDS = ["a", "b"]
SCORES = pd.DataFrame(
    [["favor", 0.7, 0.2, 0.1, 0.7, False, "m-1"], ["", 0.4, 0.3, 0.3, 0.4, True, "m-1"]], columns=list(OUTPUT_COLUMNS)
)


def opened(folder: Path, asked: dict[str, Any] = ASKED, force: bool = False) -> Rounds:
    return open_rounds(folder, asked, ("name: x\n", {"sha256": "d1"}, folder.parent), force)


def changed(**values: Any) -> dict[str, Any]:
    return {**ASKED, **values}


def finished(folder: Path) -> Rounds:
    rounds = opened(folder)
    rounds.keep(0, IDS, SCORES, {})
    rounds.results.write_text("{}")
    return rounds


def test_a_new_folder_holds_config_and_provenance_at_once(tmp_path: Path) -> None:
    rounds = opened(tmp_path / "deep" / "cv")
    assert rounds.run.config.read_text() == "name: x\n" and rounds.run.provenance.is_file()
    assert not rounds.is_done(0) and not rounds.results.exists()


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "cv").mkdir()
    assert opened(tmp_path / "cv").run.config.is_file()


def test_what_is_kept_is_read_again_to_the_last_bit(tmp_path: Path) -> None:
    opened(tmp_path / "cv").keep(3, IDS, SCORES, {"temperature": 1.25})
    again = opened(tmp_path / "cv")
    scores, facts = again.read(3, IDS)
    pd.testing.assert_frame_equal(scores, SCORES, check_exact=True, check_dtype=False)
    assert facts == {"temperature": 1.25} and again.is_done(3) and not again.is_done(2)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (changed(config={"model": {"c": 4.0}, "seed": 7}), "config.model.c: 8.0 there, 4.0 here"),
        (changed(hold_out="outlet", **{"from": "y"}), "hold_out: fold there, outlet here, from: None there, y here"),
        (changed(data="d2"), "other data"),
        (changed(config={"model": {"c": 8.0}}), "config.seed: 7 there, None here"),
    ],
)  # fmt: skip
def test_another_question_is_refused_by_what_differs(tmp_path: Path, asked: dict[str, Any], said: str) -> None:
    opened(tmp_path / "cv").keep(0, IDS, SCORES, {})
    with pytest.raises(UserMistake) as caught:
        opened(tmp_path / "cv", asked)
    assert str(caught.value) == (
        f"{tmp_path / 'cv'}: holds a cross-validation of something else ({said}); give another --out, or --force to "
        "replace it"
    )
    assert opened(tmp_path / "cv").is_done(0)
    assert not opened(tmp_path / "cv", asked, force=True).is_done(0)


def test_many_differences_are_counted(tmp_path: Path) -> None:
    opened(tmp_path / "cv")
    with pytest.raises(UserMistake, match=r"seed: 7 there, None here and 3 more\);"):
        opened(tmp_path / "cv", {"data": "d1", "config": {"model": {"c": 0}}, "a": 0, "b": 0, "c": 0} | {"hold_out": 0})


def test_force_begins_a_finished_folder_anew_and_goes_on_with_an_unfinished_one(tmp_path: Path) -> None:
    rounds = finished(tmp_path / "cv")
    assert opened(tmp_path / "cv").results.exists()
    rounds.results.unlink()
    assert opened(tmp_path / "cv", force=True).is_done(0)
    rounds.results.write_text("{}")
    assert not opened(tmp_path / "cv", force=True).is_done(0)


def test_a_folder_or_file_of_somebodys_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").write_text("mine")
    (tmp_path / "letters" / "asked.json").write_text('["mine"]')
    for force in (False, True):
        for name in ("letters", "letters/mine.txt"):
            with pytest.raises(UserMistake, match=r"exists and is no cross-validation; give another --out$"):
                opened(tmp_path / name, force=force)
    assert (tmp_path / "letters" / "mine.txt").read_text() == "mine"


def test_a_damaged_round_or_one_of_other_statements_is_named(tmp_path: Path) -> None:
    rounds = opened(tmp_path / "cv")
    rounds.keep(0, IDS, SCORES, {})
    rounds.keep(1, IDS, SCORES, {})
    path = tmp_path / "cv" / "rounds" / "0.parquet"
    whole = path.read_bytes()
    for wrong in (whole[:-9], b"", b"PAR1" * 9):
        path.write_bytes(wrong)
        with pytest.raises(UserMistake, match=r"0\.parquet: damaged, or no round of this cross-validation; remove it"):
            rounds.read(0, IDS)
    with pytest.raises(UserMistake, match=r"1\.parquet: damaged"):
        rounds.read(1, ["b", "a"])
    with pytest.raises(UserMistake, match=r"1\.parquet: damaged"):
        Rounds(tmp_path / "cv", "another").read(1, IDS)
