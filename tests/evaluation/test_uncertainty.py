"""Intervals over groups."""

import tracemalloc

import numpy as np
import pytest

from ukraine_stance.evaluation import uncertainty
from ukraine_stance.evaluation.metrics import METRICS, confusion
from ukraine_stance.evaluation.uncertainty import Resampling, bootstrap, paired_difference

HOW = Resampling(samples=500, seed=3)


def _clustered(groups: int = 50, size: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Gold, predictions that are all right or all wrong in a group, and the group of each statement."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 3, groups * size)
    wrong = np.repeat(rng.random(groups) < 0.3, size)
    return gold, np.where(wrong, (gold + 1) % 3, gold), [f"g{n // size}" for n in range(groups * size)]


def _width(gold: np.ndarray, predicted: np.ndarray, groups: list[str], how: Resampling = HOW) -> float:
    found = bootstrap(gold, predicted, groups, how)["macro_f1"]
    return found.high - found.low


def test_the_same_seed_draws_the_same_interval() -> None:
    data = _clustered()
    assert bootstrap(*data, HOW) == bootstrap(*data, Resampling(500, seed=3))
    assert bootstrap(*data, HOW)["macro_f1"] != bootstrap(*data, Resampling(500, seed=4))["macro_f1"]


def test_the_figure_is_that_of_all_statements_and_lies_in_its_interval() -> None:
    gold, predicted, groups = _clustered()
    counts = confusion(gold, predicted)
    for name, found in bootstrap(gold, predicted, groups, HOW).items():
        assert found.value == METRICS[name](counts)
        assert found.low < found.value < found.high


def test_the_order_of_the_statements_does_not_matter() -> None:
    gold, predicted, groups = _clustered()
    order = np.random.default_rng(1).permutation(len(gold))
    assert bootstrap(gold, predicted, groups, HOW) == bootstrap(
        gold[order], predicted[order], [groups[row] for row in order], HOW
    )


def test_groups_as_units_widen_the_interval_of_clustered_statements() -> None:
    gold, predicted, groups = _clustered()
    alone = [str(row) for row in range(len(gold))]
    assert _width(gold, predicted, groups) > 2 * _width(gold, predicted, alone)


def test_a_higher_level_widens_the_interval() -> None:
    assert _width(*_clustered(), Resampling(500, 0.99, 3)) > _width(*_clustered(), Resampling(500, 0.8, 3))


def test_the_interval_of_single_statements_is_about_the_binomial_one() -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, 400)
    predicted = np.where(rng.random(400) < 0.3, (gold + 1) % 3, gold)
    found = bootstrap(gold, predicted, [str(row) for row in range(400)], Resampling(2000))["accuracy"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 400), rel=0.1)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """60 groups of 4, each right with a chance of its own around 0.7; 95 % of 200 intervals should hold 0.7."""
    rng = np.random.default_rng(5)
    held = 0
    for trial in range(200):
        gold = rng.integers(0, 3, 240)
        right = rng.random(240) < np.repeat(rng.beta(7, 3, 60), 4)
        predicted = np.where(right, gold, (gold + 1) % 3)
        groups = [str(row // 4) for row in range(240)]
        found = bootstrap(gold, predicted, groups, Resampling(200, seed=trial), {"accuracy": METRICS["accuracy"]})
        held += found["accuracy"].low <= 0.7 <= found["accuracy"].high
    assert 178 <= held <= 199


def test_a_model_does_not_differ_from_itself() -> None:
    gold, predicted, groups = _clustered()
    for found in paired_difference(gold, predicted, predicted, groups, HOW).values():
        assert (found.value, found.low, found.high) == (0, 0, 0)


def test_a_difference_is_second_minus_first_and_turns_its_sign_with_them() -> None:
    gold, worse, groups = _clustered()
    there = paired_difference(gold, worse, gold, groups, HOW)["macro_f1"]
    back = paired_difference(gold, gold, worse, groups, HOW)["macro_f1"]
    assert there.value > there.low > 0
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low))


def test_pairing_narrows_the_interval_of_the_difference() -> None:
    gold, one, groups = _clustered()
    two = one.copy()
    two[::40] = gold[::40]
    paired = paired_difference(gold, one, two, groups, HOW)["macro_f1"]
    assert paired.high - paired.low < _width(gold, one, groups) / 2


def test_a_metric_without_gold_has_no_interval() -> None:
    gold = np.array([0, 1] * 30)
    predicted = np.array([0, 1] * 25 + [1, 0] * 5)
    found = bootstrap(gold, predicted, [str(row) for row in range(60)], HOW)
    assert np.isnan([found["macro_f1"].value, found["macro_f1"].low, found["macro_f1"].high]).all()
    assert 0 < found["favor_against_f1"].low < found["favor_against_f1"].high < 1


@pytest.mark.parametrize(("shift", "value"), [(0, 1), (1, 0)])
def test_all_right_or_all_wrong_is_no_certainty_and_has_no_interval(shift: int, value: float) -> None:
    gold = np.array([0, 1, 2] * 20)
    found = bootstrap(gold, (gold + shift) % 3, [str(row) for row in range(60)], HOW)["accuracy"]
    assert found.value == value
    assert np.isnan([found.low, found.high]).all()


def test_a_stance_that_resamples_often_miss_leaves_no_interval() -> None:
    gold = np.array([0] + [1, 2] * 30)  # 37 % of resamples miss the one favor
    found = bootstrap(gold, gold, [str(row) for row in range(61)], HOW)["macro_f1"]
    assert found.value == 1
    assert np.isnan([found.low, found.high]).all()


def test_one_group_has_no_interval() -> None:
    gold, predicted, _ = _clustered()
    found = bootstrap(gold, predicted, ["g"] * len(gold), HOW)["macro_f1"]
    assert 0 < found.value < 1
    assert np.isnan([found.low, found.high]).all()
    assert np.isnan(paired_difference(gold, gold, predicted, ["g"] * len(gold), HOW)["macro_f1"].low)


def test_no_statements_are_an_error() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    with pytest.raises(ValueError, match="no statements to resample"):
        bootstrap(nothing, nothing, [], HOW)


def test_many_groups_are_drawn_in_parts_that_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    gold, predicted, groups = _clustered()
    whole = bootstrap(gold, predicted, groups, HOW)
    monkeypatch.setattr(uncertainty, "_DRAWN_AT_ONCE", 7 * 50 + 3)
    assert bootstrap(gold, predicted, groups, HOW) == whole
    monkeypatch.undo()
    tracemalloc.start()
    many = np.random.default_rng(0).integers(0, 3, 20_000)
    bootstrap(many, many, [str(row) for row in range(20_000)], Resampling(200))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # 200 * 20,000 draws at once are 64 MB
