import math

import numpy as np
import pandas as pd
import pytest

from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.slices import OTHERS, UNKNOWN, Slice, slice_columns, slices, worst
from ukraine_stance.evaluation.uncertainty import Estimate, Resampling

HOW = Resampling(samples=100, seed=1)


def rows(count: int, **columns: list[object]) -> pd.DataFrame:
    own = {
        "id": [str(row) for row in range(count)],
        "text": ["one two"] * count,
        "group": [str(row) for row in range(count)],
    }
    return pd.DataFrame({**own, **columns})


def test_every_value_is_a_slice_and_the_worst_comes_first() -> None:
    frame = rows(6, aspect=["troops", "troops", "general", "general", "general", None])
    gold, predicted = np.array([0, 1, 0, 1, 2, 0]), np.array([0, 0, 0, 1, 2, 1])
    found = slices("test", frame, gold, predicted, ["aspect"], HOW)
    assert [(one.value, one.statements, one.accuracy.value) for one in found] == [
        (UNKNOWN, 1, 0),
        ("troops", 2, 0.5),
        ("general", 3, 1),
    ]


def test_the_slices_of_a_column_hold_every_statement_once() -> None:
    frame = rows(90, holder=[f"holder {row % 40}" for row in range(90)])
    gold = np.arange(90) % 3
    found = slices("test", frame, gold, gold, ["holder", "length"], HOW)
    for column in ("holder", "length"):
        assert sum(one.statements for one in found if one.column == column) == 90


def test_of_many_values_the_most_frequent_stand_alone_and_the_rest_together() -> None:
    names = ["often"] * 5 + [f"once {row}" for row in range(60)]
    found = slices("test", rows(65, holder=names), np.zeros(65, int), np.zeros(65, int), ["holder"], HOW)
    by_value = {one.value: one.statements for one in found}
    assert len(by_value) == 26 and by_value["often"] == 5 and by_value[OTHERS] == 65 - 5 - 24


def test_a_slice_of_one_statement_is_shown_without_an_interval() -> None:
    (found,) = slices("test", rows(1, kind=["body"]), np.array([0]), np.array([0]), ["kind"], HOW)
    assert found.accuracy.value == 1 and math.isnan(found.accuracy.low) and math.isnan(found.macro_f1.value)
    assert found.as_dict()["accuracy"] == {"value": 1, "low": None, "high": None}


@pytest.mark.parametrize(
    ("words", "name"), [(9, "1 to 9 words"), (10, "10 to 19 words"), (34, "20 to 34 words"), (35, "35 words and more")]
)
def test_length_is_counted_in_words(words: int, name: str) -> None:
    frame = rows(1).assign(text=" ".join(["word"] * words))
    (found,) = slices("test", frame, np.array([0]), np.array([0]), ["length"], HOW)
    assert found.value == name


def test_a_year_with_gaps_is_a_whole_number() -> None:
    frame = rows(2, year=[2024.0, None])
    found = slices("test", frame, np.array([0, 1]), np.array([0, 0]), ["year"], HOW)
    assert {one.value for one in found} == {"2024", UNKNOWN}


@pytest.mark.parametrize("absent", [None, float("nan"), pd.NA, pd.NaT, "", "  "], ids=repr)
def test_what_is_absent_is_one_slice_also_beside_lists(absent: object) -> None:
    frame = rows(3, holder=pd.Series([absent, [1, 2], np.array([3, 4])], dtype=object))
    found = slices("test", frame, np.array([0, 1, 2]), np.array([0, 1, 2]), ["holder"], HOW)
    assert {one.value for one in found} == {UNKNOWN, "[1, 2]", "[3 4]"}


def test_our_columns_are_sliced_where_they_hold_something_and_any_other_is_asked_for() -> None:
    frame = rows(2, aspect=["troops", None], outlet=[None, None], paper=["a", "b"])
    assert slice_columns(frame) == ["aspect", "length"]
    assert slice_columns(frame, ["paper", "aspect"]) == ["aspect", "length", "paper"]


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UserMistake, match=r"no column papre to slice by \(columns: id, text, group, paper\)"):
        slice_columns(rows(1, paper=["a"]), ["papre"])


def test_the_most_surely_bad_slices_come_first() -> None:
    nan = float("nan")

    def one(name: str, value: float, high: float) -> Slice:
        return Slice("test", "x", name, 10, 5, Estimate(value, nan, high), Estimate(nan, nan, nan))

    found = [
        one("one page wrong", 0, nan),
        one("good", 0.9, 0.95),
        one("many", 0.4, 0.5),
        one("few", 0.2, 0.7),
        one("fifteen pages wrong", 0, 0.22),
        one("right", 1, 1),
    ]
    order = ["fifteen pages wrong", "many", "few", "good", "one page wrong", "right"]
    assert [slice.value for slice in worst(found, 6)] == order
