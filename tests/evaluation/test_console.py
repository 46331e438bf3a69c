"""Words and tables for a terminal."""

from io import StringIO

import numpy as np
import pandas as pd
from rich.console import Console

from ukraine_stance.calibration import ThresholdChoice
from ukraine_stance.evaluation.base_rate import field_figures
from ukraine_stance.evaluation.console import confidence_tables
from ukraine_stance.evaluation.curves import curves
from ukraine_stance.evaluation.results import Evaluation
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import FIELD_SHARES

HOW = Resampling(samples=100)
CHOICE = ThresholdChoice(0.7, None, True, 90, 45, 0.5, 0.8, 0.7, 0.75)


def evaluation(threshold: float, choice: ThresholdChoice | None) -> Evaluation:
    """One model on 90 statements, sure of a third of them: these are right, of the others half."""
    gold, groups = np.arange(90) % 3, [str(row // 2) for row in range(90)]
    predicted = np.where((np.arange(90) < 30) | (np.arange(90) % 2 == 0), gold, (gold + 1) % 3)
    sure = np.where(np.arange(90) < 30, 0.9, 0.5)
    probabilities = np.repeat((1 - sure)[:, None] / 2, 3, axis=1)
    probabilities[np.arange(90), predicted] = sure
    drawn = {"test": (curves(probabilities, gold, groups, threshold, FIELD_SHARES, HOW),)}
    in_field = {"test": (field_figures(gold, predicted, groups, FIELD_SHARES, HOW),)}
    rows = {"test": pd.DataFrame({"label": gold})}
    return Evaluation(("m",), ("id",), (), (), rows, {}, (), choices=(choice,), curves=drawn, in_field=in_field)


def told(found: Evaluation) -> str:
    console = Console(width=160, file=StringIO())
    for part in confidence_tables(found):
        console.print(part, markup=False, soft_wrap=isinstance(part, str))
    return console.file.getvalue()


def test_each_label_stands_with_its_share_the_counted_share_and_its_precision() -> None:
    found = evaluation(0.0, None)
    figures = found.in_field["test"][0].estimates
    (row,) = [line for line in told(found).splitlines() if "│ against" in line]
    numbers = [cell.split("[")[0].strip() for cell in row.split("│")[4:7]]
    counted, right = (f"{figures[name].value:.3f}" for name in ("predicted_against", "precision_against"))
    assert numbers == ["0.050", counted, right]


def test_a_threshold_stands_with_how_it_was_chosen_and_what_it_gives_here() -> None:
    words = told(evaluation(0.7, CHOICE))
    assert "m: threshold 0.700; chosen on validation for a precision of 0.7" in words
    assert "test: m answers 0.333 [" in words and "of the statements, 1.000 [0.782, 1.000] of those rightly" in words


def test_a_model_that_never_abstains_has_no_such_line() -> None:
    assert "threshold" not in told(evaluation(0.0, None)) and "answers 1" not in told(evaluation(0.0, None))
