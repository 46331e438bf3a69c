"""The same metrics on parts of the data: where a model is worse than its average, the worst first."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from typing import Any

import pandas as pd

from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.metrics import Metric, accuracy, macro_f1
from ukraine_stance.evaluation.uncertainty import Estimate, Resampling, bootstrap, plain_estimate
from ukraine_stance.models.protocol import IntArray
from ukraine_stance.tables import listed

# Values beyond the most frequent ones of a column share one slice, so that a column of names stays readable.
_MOST_VALUES = 25
OTHERS = "all others"
UNKNOWN = "unknown"

_METRICS: dict[str, Metric] = {"accuracy": accuracy, "macro_f1": macro_f1}
_LENGTHS = ((9, "1 to 9 words"), (19, "10 to 19 words"), (34, "20 to 34 words"))
_LONGER = "35 words and more"


@dataclass(frozen=True, slots=True)
class Slice:
    """One model on the statements of one value of one column; macro-F1 is undefined where a label has no gold there."""

    part: str
    column: str
    value: str
    statements: int
    groups: int
    accuracy: Estimate
    macro_f1: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        figures = {"accuracy": plain_estimate(self.accuracy), "macro_f1": plain_estimate(self.macro_f1)}
        return {**asdict(self), **figures}


def slice_columns(rows: pd.DataFrame, asked: Sequence[str] = ()) -> list[str]:
    """Columns to slice by: ours that the rows have, then those asked for. Raises UserMistake when one is not there."""
    absent = [name for name in asked if name not in rows and name not in _DERIVED]
    if absent:
        raise UserMistake(f"no column {absent[0]} to slice by (columns: {listed(list(map(str, rows.columns)))})")
    own = [name for name in _OURS if name in _DERIVED or (name in rows and rows[name].notna().any())]
    return list(dict.fromkeys([*own, *asked]))


def slices(
    part: str, rows: pd.DataFrame, gold: IntArray, predicted: IntArray, columns: Sequence[str], how: Resampling
) -> list[Slice]:
    """Every slice of every column, by column in the order given, the lowest accuracy first.

    None is left out for being small: its interval, or that it has none, says what it is worth. Of a column with many
    values the most frequent 25 stand alone, the rest together.
    """
    found = []
    for column in columns:
        values = _values(rows, column)
        of_column = []
        for value in values.unique():
            there = (values == value).to_numpy()
            groups = list(rows.loc[there, "group"])
            estimates = bootstrap(gold[there], predicted[there], groups, how, _METRICS, shares={"accuracy"})
            of_column.append(Slice(part, column, value, int(there.sum()), len(set(groups)), **estimates))
        found += sorted(of_column, key=lambda one: (one.accuracy.value, -one.statements, one.value))
    return found


def worst(found: Sequence[Slice], count: int) -> list[Slice]:
    """The slices that are most surely bad, whatever their column: by the upper end of the accuracy's interval.

    Slices without an interval come last.
    """

    def key(one: Slice) -> tuple[float, float, int]:
        upper = 1.0 if isnan(one.accuracy.high) else one.accuracy.high
        return upper, one.accuracy.value, -one.statements

    return sorted(found, key=key)[:count]


def values_of(rows: pd.DataFrame, column: str) -> "pd.Series[str]":
    """The value of the column in words for every row; `length` is counted where the rows have no such column."""
    derive = _DERIVED.get(column)
    if derive is not None and column not in rows:
        return pd.Series([derive(text) for text in rows["text"]], index=rows.index, dtype="str")
    return rows[column].map(_plain).where(rows[column].notna(), UNKNOWN)


def _values(rows: pd.DataFrame, column: str) -> "pd.Series[str]":
    values = values_of(rows, column)
    kept = values[values != UNKNOWN].value_counts(sort=True).index[:_MOST_VALUES]
    return values.where(values.isin([*kept, UNKNOWN]), OTHERS)


def _plain(value: object) -> str:
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return text if text.strip() else UNKNOWN


def _length(text: str) -> str:
    words = len(text.split())
    return next((name for most, name in _LENGTHS if words <= most), _LONGER)


_DERIVED: dict[str, Callable[[str], str]] = {"length": _length}
_OURS = ("aspect", "hard_case", "topic", "kind", "length", "year", "holder", "outlet", "source")
