import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.base_rate import at_field_shares, field_figures, parse_shares
from ukraine_stance.evaluation.metrics import METRICS, confusion
from ukraine_stance.evaluation.uncertainty import Resampling

QUICK = settings(deadline=None, max_examples=40)
HOW = Resampling(samples=200, seed=3)
COUNTS = st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=3, max_size=3).map(
    lambda rows: np.array(rows, dtype=float)
)
SHARES = st.tuples(*[st.floats(0.01, 1)] * 3).map(lambda parts: tuple(part / sum(parts) for part in parts))


def statements(count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    gold = np.arange(count) % 3
    predicted = np.where(rng.random(count) < 0.6, gold, rng.integers(0, 3, count))
    return gold, predicted, [str(row // 2) for row in range(count)]


@QUICK
@given(COUNTS)
def test_at_the_samples_own_shares_every_figure_is_the_plain_one(counts: np.ndarray) -> None:
    gold = counts.sum(axis=1)
    assume((gold > 0).all())
    weighted = at_field_shares(counts, tuple(gold / gold.sum()))
    for name, metric in METRICS.items():
        assert float(metric(weighted)) == pytest.approx(float(metric(counts)), nan_ok=True), name


@QUICK
@given(COUNTS, SHARES, st.integers(1, 5))
def test_only_the_rows_of_gold_are_weighed_and_how_many_they_were_does_not_matter(
    counts: np.ndarray, shares: tuple[float, float, float], times: int
) -> None:
    gold = counts.sum(axis=1)
    assume((gold > 0).all())
    weighted = at_field_shares(counts, shares)
    assert np.allclose(weighted.sum(axis=1), shares)
    assert np.allclose(METRICS["recall_favor"](weighted), METRICS["recall_favor"](counts))
    repeated = counts.copy()
    repeated[1] *= times
    assert np.allclose(at_field_shares(repeated, shares), weighted)


def test_a_precision_falls_with_the_share_as_bayes_says() -> None:
    # 80 % of against are found, 10 % of the others are taken for it: at 5 % there are 0.04 right and 0.095 wrong.
    counts = np.array([[90, 10, 0], [10, 80, 10], [0, 10, 90]], dtype=float)
    at_five = at_field_shares(counts, (0.30, 0.05, 0.65))
    assert float(METRICS["precision_against"](at_five)) == pytest.approx(0.04 / (0.04 + 0.095))


def test_counting_answers_reports_what_the_model_would_answer_in_the_field() -> None:
    """Statements drawn at the field's shares, with the same mistakes, show the shares and precisions told for them."""
    rng = np.random.default_rng(1)
    mistakes = np.array([[0.7, 0.1, 0.2], [0.2, 0.6, 0.2], [0.15, 0.05, 0.8]])
    gold = np.repeat([0, 1, 2], 20_000)

    def answers(labels: np.ndarray) -> np.ndarray:
        return (rng.random((len(labels), 1)) > mistakes[labels, :2].cumsum(axis=1)).sum(axis=1)

    predicted = answers(gold)
    found = field_figures(gold, predicted, [str(n) for n in range(len(gold))], (0.3, 0.05, 0.65), Resampling(100))
    drawn = rng.choice(3, p=[0.3, 0.05, 0.65], size=60_000)
    answered = answers(drawn)
    for column, label in enumerate(("favor", "against", "neutral")):
        assert found.estimates[f"predicted_{label}"].value == pytest.approx(np.mean(answered == column), abs=0.01)
    counts = confusion(drawn, answered)
    for name in ("precision_favor", "precision_against", "precision_neutral", "accuracy", "macro_f1"):
        assert found.estimates[name].value == pytest.approx(float(METRICS[name](counts)), abs=0.015)


def test_each_figure_has_an_interval_around_it_and_survives_json() -> None:
    found = field_figures(*statements(), (0.3, 0.05, 0.65), HOW)
    for estimate in found.estimates.values():
        assert estimate.low < estimate.value < estimate.high
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["shares"] == {"favor": 0.3, "against": 0.05, "neutral": 0.65}
    assert plain["estimates"]["accuracy"]["value"] == found.estimates["accuracy"].value


def test_a_label_without_gold_leaves_open_what_depends_on_it_unless_the_field_lacks_it_too() -> None:
    gold, predicted, groups = statements()
    there = gold != 1
    known = gold[there], predicted[there], [group for group, kept in zip(groups, there, strict=True) if kept]
    assert np.isnan(field_figures(*known, (0.3, 0.05, 0.65), HOW).estimates["precision_favor"].value)
    without = field_figures(*known, (0.4, 0.0, 0.6), HOW).estimates
    assert 0 < without["precision_favor"].value < 1 and 0 < without["accuracy"].value < 1
    assert np.isnan(without["macro_f1"].value)


def test_shares_are_read_in_any_order() -> None:
    assert parse_shares(" neutral=0.65, favor=0.3,against=.05") == (0.3, 0.05, 0.65)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "expected each of favor, against, neutral once"),
        ("0.3,0.05,0.65", "expected each of favor, against, neutral once"),
        ("favor=0.5,against=0.5", "expected each of favor, against, neutral once"),
        ("favor=0.5,against=0.2,neutral=0.2,favor=0.1", "expected each of favor, against, neutral once"),
        ("favor=0.3,against=0.05,neutral=0.6", "must add up to 1, found 0.95"),
        ("favor=30%,against=5%,neutral=65%", "favor is '30%', expected a share from 0 to 1"),
        ("favor=1.2,against=-0.2,neutral=0", "favor is '1.2', expected a share from 0 to 1"),
        ("favor=nan,against=0.5,neutral=0.5", "favor is 'nan', expected a share from 0 to 1"),
    ],
)
def test_what_are_no_shares_is_one_line(text: str, fault: str) -> None:
    with pytest.raises(UserMistake) as caught:
        parse_shares(text)
    assert (
        fault in str(caught.value) and str(caught.value).startswith("--field-shares") and "\n" not in str(caught.value)
    )
