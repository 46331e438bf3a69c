"""Intervals over groups."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ukraine_stance.evaluation import uncertainty
from ukraine_stance.evaluation.metrics import METRICS, confusion
from ukraine_stance.evaluation.uncertainty import (
    SHARE,
    SIGNED,
    Resampling,
    bootstrap,
    from_group_counts,
    paired_difference,
    repeated,
    repeated_difference,
    student_interval,
)

HOW = Resampling(samples=500, seed=3)

# Of few groups, as an article has statements, with every cell of the confusion matrix free.
FEW_GROUPS = arrays.arrays(np.float64, st.tuples(st.integers(2, 8), st.just(3), st.just(3)), elements=st.integers(0, 4))


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


@pytest.mark.parametrize(("groups", "size", "least"), [(5, 12, 181), (12, 8, 181), (60, 4, 181)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(groups: int, size: int, least: int) -> None:
    """Each group right with a chance of its own around 0.7; 95 % of 200 intervals should hold 0.7, 190 (+- 3).

    The middle 95 % of the resampled figures hold it 163 times with 5 groups, 174 with 12.
    """
    rng = np.random.default_rng(5)
    held = 0
    for trial in range(200):
        gold = rng.integers(0, 3, groups * size)
        right = rng.random(groups * size) < np.repeat(rng.beta(7, 3, groups), size)
        predicted = np.where(right, gold, (gold + 1) % 3)
        names = [str(row // size) for row in range(groups * size)]
        found = bootstrap(gold, predicted, names, Resampling(200, seed=trial), {"accuracy": METRICS["accuracy"]})
        held += found["accuracy"].low <= 0.7 <= found["accuracy"].high
    assert least <= held <= 199


@pytest.mark.parametrize(("groups", "least", "most"), [(5, 1.5, 1.7), (300, 0.95, 1.05)])
def test_an_interval_is_wider_than_the_resampled_figures_where_groups_are_few(
    groups: int, least: float, most: float
) -> None:
    counts = np.zeros((groups, 3, 3))
    counts[:, 0, 0] = 4 + np.arange(groups) % 5
    counts[:, 0, 1] = 12 - counts[:, 0, 0]
    found = from_group_counts(counts, {"accuracy": METRICS["accuracy"]}, Resampling(4000))["accuracy"]
    drawn = counts[np.random.default_rng(0).integers(0, groups, (4000, groups)), 0, 0].mean(axis=1) / 12
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert least < (found.high - found.low) / (high - low) < most


def test_a_figure_of_a_stance_in_three_groups_is_only_as_sure_as_three_groups() -> None:
    counts = np.zeros((63, 3, 3))
    counts[:60, [0, 2], [0, 2]] = 1
    counts[60:, 1, 1], counts[60:, 1, 2] = (1, 3, 3), (3, 1, 1)
    found = from_group_counts(counts, METRICS, Resampling(4000))["recall_against"]
    log_odds = [np.log(end / (1 - end)) for end in (found.low, found.high)]
    error = np.std([1 / 4, 3 / 4, 3 / 4]) / np.sqrt(3) / (found.value * (1 - found.value))
    assert (log_odds[1] - log_odds[0]) / 2 > 1.25 * 1.96 * error


@settings(deadline=None, max_examples=60)
@given(FEW_GROUPS)
def test_an_interval_holds_its_figure_and_never_leaves_the_range(counts: np.ndarray) -> None:
    for name, found in from_group_counts(counts + np.eye(3), METRICS, Resampling(100)).items():
        if not np.isnan(found.low):
            assert 0 <= found.low <= found.value <= found.high <= 1, name
            assert found.low < found.high, name


@settings(deadline=None, max_examples=60)
@given(FEW_GROUPS)
def test_naming_the_stances_the_other_way_round_changes_no_figure(counts: np.ndarray) -> None:
    there = from_group_counts(counts + np.eye(3), METRICS, Resampling(100))
    back = from_group_counts(counts[:, [1, 0, 2]][:, :, [1, 0, 2]] + np.eye(3), METRICS, Resampling(100))
    for name, other in (("macro_f1", "macro_f1"), ("f1_favor", "f1_against"), ("recall_against", "recall_favor")):
        one, two = there[name], back[other]
        assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high), nan_ok=True)


@settings(deadline=None)
@given(
    value=st.floats(0.01, 0.99),
    drawn=arrays.arrays(np.float64, 50, elements=st.floats(0, 1)),
    left_out=arrays.arrays(np.float64, 6, elements=st.floats(0, 1)),
)
def test_a_share_and_what_is_left_of_it_have_mirrored_intervals(
    value: float, drawn: np.ndarray, left_out: np.ndarray
) -> None:
    low, high = student_interval(np.asarray(value), drawn, left_out, 0.95, SHARE)
    rest_low, rest_high = student_interval(np.asarray(1 - value), 1 - drawn, 1 - left_out, 0.95, SHARE)
    assert (rest_low, rest_high) == pytest.approx((1 - high, 1 - low), abs=1e-9, nan_ok=True)


def test_many_figures_at_once_get_the_intervals_of_each() -> None:
    rng = np.random.default_rng(0)
    value, drawn, left_out = rng.uniform(-0.5, 0.5, 4), rng.uniform(-1, 1, (90, 4)), rng.uniform(-1, 1, (7, 4))
    drawn[:30, 2], left_out[3, 3] = np.nan, np.nan
    low, high = student_interval(value, drawn, left_out, 0.9, SIGNED)
    for n in range(4):
        alone = student_interval(value[n], drawn[:, n], left_out[:, n], 0.9, SIGNED)
        assert [low[n], high[n]] == pytest.approx([float(end) for end in alone], nan_ok=True)
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [False, False, False, True]


def test_groups_that_are_all_alike_are_no_certainty() -> None:
    alike = np.tile([0.1, 0.3], (3, 1))  # whose sums differ by rounding
    found = from_group_counts(alike, {"ratio": lambda counts: counts[..., 0] / counts[..., 1]}, HOW)["ratio"]
    assert found.value == pytest.approx(1 / 3)
    assert np.isnan([found.low, found.high]).all()


def test_a_figure_that_groups_cancel_to_the_end_of_its_range_has_no_interval() -> None:
    gaps = np.column_stack([[1, -1, 2, -2, 0, 0], np.full(6, 10)])
    found = from_group_counts(gaps, {"gap": lambda counts: np.abs(counts[..., 0]) / counts[..., 1]}, HOW)["gap"]
    assert found.value == 0
    assert np.isnan([found.low, found.high]).all()


def test_a_loss_has_an_interval_above_zero_and_may_pass_one() -> None:
    sums = np.random.default_rng(0).gamma(1, 1, (9, 2))
    ratio = {"loss": lambda counts: counts[..., 0] / counts[..., 1]}
    found = from_group_counts(sums, ratio, HOW, {"loss": uncertainty.LOSS})["loss"]
    assert 0 < found.low < found.value < found.high
    assert found.high > 1
    assert found.value**2 == pytest.approx(found.low * found.high)  # on the scale of logarithms


def test_a_figure_outside_its_range_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"loss is 3, outside its range of 0 to 1"):
        from_group_counts(np.ones((4, 2)), {"loss": lambda counts: counts[..., 0] * 0 + 3}, HOW)


def test_a_model_does_not_differ_from_itself() -> None:
    gold, predicted, groups = _clustered()
    for found in paired_difference(gold, predicted, predicted, groups, HOW).values():
        assert (found.value, found.low, found.high) == (0, 0, 0)


def test_a_difference_is_second_minus_first_and_turns_its_sign_with_them() -> None:
    gold, worse, groups = _clustered()
    there = paired_difference(gold, worse, gold, groups, HOW)["macro_f1"]
    back = paired_difference(gold, gold, worse, groups, HOW)["macro_f1"]
    assert there.value > there.low > 0
    assert (back.value, back.low, back.high) == pytest.approx((-there.value, -there.high, -there.low), rel=1e-9)


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


@pytest.mark.parametrize(("shift", "low", "high"), [(0, 0.9403, 1), (1, 0, 1 - 0.9403)])
def test_all_right_or_all_wrong_is_as_sure_as_its_groups_allow(shift: int, low: float, high: float) -> None:
    gold = np.array([0, 1, 2] * 40)
    found = bootstrap(gold, (gold + shift) % 3, [str(row // 2) for row in range(120)], HOW)["accuracy"]
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)  # 60 of 60, as binomial tables have it


def test_a_share_counts_only_the_groups_that_have_it() -> None:
    gold = np.array([0] * 60 + [1] * 10)
    found = bootstrap(gold, gold, [str(row) for row in range(70)], HOW)
    assert found["recall_against"].low == pytest.approx(0.6915, abs=1e-4)  # 10 of 10
    assert np.isnan([found["recall_neutral"].value, found["recall_neutral"].low]).all()


def test_an_f1_of_0_has_no_interval_whatever_the_false_alarms() -> None:
    gold = np.array([1] * 4 + [0] * 300)
    predicted = np.array([0] * 4 + [1] * 100 + [0] * 200)
    found = bootstrap(gold, predicted, [str(row) for row in range(304)], HOW)
    assert found["f1_against"].value == 0 and np.isnan(found["f1_against"].low)
    assert found["recall_against"].high == pytest.approx(0.6024, abs=1e-4)  # none of 4
    assert found["precision_against"].high == pytest.approx(0.0362, abs=1e-4)  # none of 100


def test_a_figure_that_is_no_share_of_statements_has_no_interval_at_its_end() -> None:
    counts = np.column_stack([np.zeros(9), np.full(9, 5)])
    ratio = {"ratio": lambda counts: counts[..., 0] / counts[..., 1]}
    assert np.isnan(from_group_counts(counts, ratio, HOW)["ratio"].low)
    assert from_group_counts(counts, ratio, HOW, shares={"ratio"})["ratio"].high == pytest.approx(0.3363, abs=1e-4)


def test_all_right_in_one_group_tells_nothing() -> None:
    found = bootstrap(np.array([0, 1, 2]), np.array([0, 1, 2]), ["g"] * 3, HOW)["accuracy"]
    assert np.isnan([found.low, found.high]).all()


def test_a_stance_of_a_single_group_leaves_no_interval() -> None:
    gold = np.array([0] + [1, 2] * 30)
    predicted = np.array([0] + [1, 2] * 25 + [2, 1] * 5)
    one_group = bootstrap(gold, predicted, [str(row) for row in range(61)], HOW)["macro_f1"]
    assert 0 < one_group.value < 1
    assert np.isnan([one_group.low, one_group.high]).all()
    gold[1] = 0
    two_groups = bootstrap(gold, predicted, [str(row) for row in range(61)], HOW)["macro_f1"]
    assert 0 < two_groups.low < two_groups.value < two_groups.high < 1


def test_a_difference_that_is_the_same_in_every_group_is_no_certainty() -> None:
    gold = np.array([0, 1, 2] * 20)
    half = np.where(np.arange(60) % 3 == 0, (gold + 1) % 3, gold)
    found = paired_difference(gold, gold, half, [str(row // 3) for row in range(60)], HOW)["accuracy"]
    assert found.value == pytest.approx(-1 / 3)
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


# Repeats of one training.


def _repeats(count: int, right: float, seed: int = 0, spread: float = 0.0, n: int = 400) -> list[np.ndarray]:
    """Answers of so many models, each right on about that share of `GOLD_OF_REPEATS`."""
    rng = np.random.default_rng(seed)
    shares = np.clip(right + spread * rng.standard_normal(count), 0, 1)
    return [np.where(rng.random(n) < share, GOLD_OF_REPEATS, (GOLD_OF_REPEATS + 1) % 3) for share in shares]


GOLD_OF_REPEATS = np.arange(400) % 3
GROUPS_OF_REPEATS = [f"g{row // 2}" for row in range(400)]


def test_the_mean_over_repeats_is_the_mean_of_their_figures() -> None:
    models = _repeats(4, 0.7)
    each = [bootstrap(GOLD_OF_REPEATS, one, GROUPS_OF_REPEATS, HOW)["macro_f1"].value for one in models]
    found = repeated(GOLD_OF_REPEATS, models, GROUPS_OF_REPEATS, HOW)["macro_f1"]
    assert found.value == pytest.approx(np.mean(each))
    assert found.low < found.value < found.high


def test_one_repeat_has_the_interval_of_the_model_alone() -> None:
    (model,) = _repeats(1, 0.7)
    assert repeated(GOLD_OF_REPEATS, [model], GROUPS_OF_REPEATS, HOW) == pytest.approx(
        bootstrap(GOLD_OF_REPEATS, model, GROUPS_OF_REPEATS, HOW), nan_ok=True
    )


def test_seeds_that_differ_widen_the_interval() -> None:
    alike, apart = _repeats(3, 0.7), _repeats(3, 0.7, spread=0.15)
    widths = [
        found.high - found.low
        for found in (repeated(GOLD_OF_REPEATS, one, GROUPS_OF_REPEATS, HOW)["macro_f1"] for one in (alike, apart))
    ]
    assert widths[1] > 1.3 * widths[0]


def test_a_difference_of_repeats_turns_with_their_order() -> None:
    one, two = _repeats(3, 0.6, seed=1), _repeats(5, 0.75, seed=2)
    ahead = repeated_difference(GOLD_OF_REPEATS, one, two, GROUPS_OF_REPEATS, HOW)["accuracy"]
    behind = repeated_difference(GOLD_OF_REPEATS, two, one, GROUPS_OF_REPEATS, HOW)["accuracy"]
    assert ahead.low > 0 and behind.high < 0
    assert ahead.value == pytest.approx(-behind.value)


def test_the_same_repeats_on_both_sides_differ_by_nothing_sure() -> None:
    one = _repeats(4, 0.6, spread=0.1)
    found = repeated_difference(GOLD_OF_REPEATS, one, one[::-1], GROUPS_OF_REPEATS, HOW)["macro_f1"]
    assert found.value == pytest.approx(0, abs=1e-12)
    assert found.low < 0 < found.high


def test_intervals_over_seeds_hold_the_mean_over_all_seeds() -> None:
    """200 trials of 5 seeds and 40 groups; taking the seeds at hand for all there are holds it in about 0.5."""
    truth, trials = 0.65, 200
    held = 0
    for trial in range(trials):
        rng = np.random.default_rng(trial)
        shares = np.clip(truth + 0.08 * rng.standard_normal(5), 0, 1)
        gold = rng.integers(0, 3, 240)
        models = [np.where(rng.random(240) < share, gold, (gold + 1) % 3) for share in shares]
        found = repeated(gold, models, [f"g{row // 6}" for row in range(240)], Resampling(200, 0.95, trial))["accuracy"]
        held += found.low <= truth <= found.high
    assert 0.91 <= held / trials <= 0.995
