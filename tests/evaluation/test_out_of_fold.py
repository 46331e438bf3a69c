"""Predictions of several fits measured together: every statement once, and a spread that calls itself what it is."""

import numpy as np
import pandas as pd
import pytest

from ukraine_stance.classifier import OUTPUT_COLUMNS, PROBABILITY_COLUMNS
from ukraine_stance.evaluation.out_of_fold import OutOfFold, ScoredRound, measure_out_of_fold, spread
from ukraine_stance.evaluation.results import measure
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import FIELD_SHARES, ORDER

HOW = Resampling(samples=100, seed=3)


def round_of(name: str, *gold_and_said: tuple[int, int]) -> ScoredRound:
    rows = pd.DataFrame(
        {
            "id": [f"{name}-{at}" for at in range(len(gold_and_said))],
            "text": [f"Statement {at} of {name}" for at in range(len(gold_and_said))],
            "label": [str(ORDER[gold]) for gold, _ in gold_and_said],
            "group": [f"{name}-page{at // 2}" for at in range(len(gold_and_said))],
            "target": "aid",
        }
    )
    sure = np.array([np.where(np.arange(3) == said, 0.8, 0.1) for _, said in gold_and_said])
    scores = pd.DataFrame(sure, columns=list(PROBABILITY_COLUMNS)).assign(
        stance=[str(ORDER[said]) for _, said in gold_and_said], confidence=0.8, truncated=False, model_id=f"m-{name}"
    )
    return ScoredRound(name, rows, scores[list(OUTPUT_COLUMNS)])


ROUNDS = (
    round_of("fold 0", (0, 0), (1, 1), (2, 2), (2, 2), (0, 1), (1, 0)),
    round_of("fold 1", (0, 0), (1, 1), (2, 2), (2, 0), (0, 0), (1, 1)),
)


@pytest.fixture
def found() -> OutOfFold:
    return measure_out_of_fold(("tfidf", "cv-1"), "out of fold", ROUNDS, ["two kept apart"], HOW, FIELD_SHARES)


def test_all_predictions_are_measured_as_one_part_and_not_averaged(found: OutOfFold) -> None:
    rows = pd.concat([one.rows for one in ROUNDS], ignore_index=True)
    scores = pd.concat([one.scores for one in ROUNDS], ignore_index=True).assign(model_id="cv-1")
    (together,) = found.together.results
    assert together.as_dict() == measure("out of fold", rows, scores, HOW).as_dict()
    assert (together.statements, together.groups, together.estimates["accuracy"].value) == (12, 6, 9 / 12)
    mean = spread(found.rounds)["macro_f1"]["mean"]
    assert mean is not None and abs(mean - together.estimates["macro_f1"].value) > 1e-3


def test_the_spread_is_mean_and_sample_deviation_of_the_rounds(found: OutOfFold) -> None:
    assert [one.estimates["accuracy"].value for one in found.rounds] == [4 / 6, 5 / 6]
    assert spread(found.rounds)["accuracy"] == pytest.approx({"mean": 0.75, "sd": (2 * (1 / 12) ** 2) ** 0.5})


def test_a_figure_that_one_round_lacks_has_no_spread() -> None:
    lacking = measure_out_of_fold(
        ("m", "i"), "all", [ROUNDS[0], round_of("fold 1", (0, 0), (2, 2))], [], HOW, FIELD_SHARES
    )
    assert spread(lacking.rounds)["macro_f1"] == {"mean": None, "sd": None}
    assert spread(lacking.rounds)["accuracy"]["sd"] is not None
    assert lacking.as_dict()["rounds"][1]["estimates"]["macro_f1"]["value"] is None


def test_one_round_has_no_deviation_and_speaks_of_none() -> None:
    alone = measure_out_of_fold(("m", "i"), "from 2025", ROUNDS[:1], [], HOW, FIELD_SHARES)
    assert spread(alone.rounds)["accuracy"] == {"mean": 4 / 6, "sd": None}
    assert not any("SD" in note for note in alone.together.warnings)


def test_the_notes_say_what_intervals_and_spread_leave_out(found: OutOfFold) -> None:
    first, intervals, rounds = found.as_dict()["notes"]
    assert first == "two kept apart"
    assert "another seed" in intervals and "no standard error" in rounds
    assert rounds.startswith("macro-F1 over 2 rounds: mean 0.744, SD 0.110; ")


def test_every_prediction_names_its_round_and_its_own_model(found: OutOfFold) -> None:
    assert list(found.predictions) == ["id", "held_out", "group", "label", "text", *OUTPUT_COLUMNS]
    assert list(found.predictions["id"]) == [row_id for one in ROUNDS for row_id in one.rows["id"]]
    assert list(found.predictions["held_out"]) == ["fold 0"] * 6 + ["fold 1"] * 6
    assert list(found.predictions["model_id"].unique()) == ["m-fold 0", "m-fold 1"]


def test_rounds_are_slices_of_the_page_the_worst_first(found: OutOfFold) -> None:
    rounds = [(one.value, one.statements) for one in found.together.slices[0] if one.column == "held_out"]
    assert rounds == [("fold 0", 6), ("fold 1", 6)]


def test_a_statement_tested_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="tested twice"):
        measure_out_of_fold(("m", "i"), "all", [ROUNDS[0], ROUNDS[0]], [], HOW, FIELD_SHARES)


def test_the_page_has_curves_and_the_fields_shares_of_all_together(found: OutOfFold) -> None:
    (drawn,), (at_shares,) = found.together.curves["out of fold"], found.together.in_field["out of fold"]
    assert (drawn.threshold, drawn.risk_coverage[-1].coverage) == (0, 1)
    assert at_shares.shares == FIELD_SHARES and found.together.choices == (None,)
