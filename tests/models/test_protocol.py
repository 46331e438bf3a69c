import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ukraine_stance.errors import UserMistake
from ukraine_stance.models.protocol import Prediction, first_improbable

GOOD = [0.2, 0.3, 0.5]


@pytest.mark.parametrize(
    "row",
    [
        [float("nan")] * 3,
        [float("nan"), 0.5, 0.5],
        [float("inf"), 0.0, 0.0],
        [0.0, 0.0, 0.0],
        [-0.1, 0.6, 0.5],
        [0.5, 0.5, 0.1],
        [5.0, 1.0, -2.0],
    ],
    ids=str,
)
def test_what_is_no_probability_is_refused_by_its_statement_in_one_line(row: list[float]) -> None:
    with pytest.raises(UserMistake, match=r"^the model gives statement 2 of 3 the probabilities ") as refused:
        Prediction(np.array([GOOD, row, GOOD]), np.zeros(3, dtype=np.bool_))
    assert "\n" not in str(refused.value) and "train it again" in str(refused.value)


@given(st.lists(st.tuples(*[st.floats(1e-6, 1e6)] * 3)))
def test_whatever_adds_up_to_1_is_taken(weights: list[tuple[float, float, float]]) -> None:
    rows = np.array(weights).reshape(-1, 3)
    assert first_improbable(rows / rows.sum(axis=1, keepdims=True)) is None


@pytest.mark.parametrize("shape", [(3,), (2, 2), (0,)], ids=str)
def test_another_shape_than_three_columns_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not \\(n, 3\\)"):
        first_improbable(np.zeros(shape))
