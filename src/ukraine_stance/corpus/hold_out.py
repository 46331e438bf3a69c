"""Which statements test which fit, when models are tested on all folds, on unseen outlets or on a later period."""

import calendar
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ukraine_stance.corpus.splits import APART, FOLDS, UNASSIGNED, assign_folds, join_rows, normalised
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER

HeldOut = Literal["fold", "outlet", "period"]

# Sets of outlets and of older statements are drawn with it: they belong to the data, not to an experiment.
_SEED = 20261122

# Home of what is tied to nothing that may be tested: it always trains.
_NOWHERE = -1
# Home of what the period tests; the older rows have 0 to FOLDS - 1.
_LATER = FOLDS

_DAY = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?:[T ].*)?")
_MOST_FAULTS_SHOWN = 5

# First and last day that a row may be of.
_Span = tuple[date, date]
_Flags = npt.NDArray[np.bool_]
_Homes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Round:
    """One fit: the rows it learns from, is tuned on and is tested by; no group, contrast group or text is in two."""

    name: str
    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Plan:
    """Every fit of a cross-validation, in order, and in words which statements are not tested and why."""

    rounds: tuple[Round, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Sides:
    """Of n rows, the set that each belongs to (n,) with all that is tied to it, and whether it may be tested (n,)."""

    rows: pd.DataFrame
    home: _Homes
    tested: _Flags
    notes: list[str]

    def round(self, name: str, test: int, validation: int) -> Round:
        """What may not be tested but is tied to what tests or validates sits the round out."""
        train = ~np.isin(self.home, (test, validation))
        held = ((self.home == one) & self.tested for one in (validation, test))
        return Round(name, *(self.rows[chosen].reset_index(drop=True) for chosen in (train, *held)))

    def rotated(self, name: str) -> list[Round]:
        """Every set tested once; the next one validates."""
        return [self.round(f"{name} {one}", one, (one + 1) % FOLDS) for one in range(FOLDS)]


def plan(rows: pd.DataFrame, held_out: HeldOut, start: str | None = None, articles: str = "test") -> Plan:
    """Divide the rows of a loaded dataset, each with its `fold`, into the fits of a cross-validation.

    "fold": every fold is tested once, the next one validates, the other three train. "outlet": the same with five sets
    of outlets; rows without one only train. "period": rows of `start` (a year, month or day) and later are tested, a
    fifth of the older ones validates. Rows that stand apart from the folds take no part; with articles "train" those of
    articles only train. Raises UserMistake when `start` is none or missing, a date cannot be read, or a fit would lack
    a label.
    """
    first = _first_day(held_out, start)
    apart = (rows["fold"] == APART).to_numpy()
    notes = _counted("not in it", apart, "that stand apart as a test (data.articles: test); stance evaluate has them")
    rows = rows[~apart].reset_index(drop=True)
    trains_only = (rows["origin"] == "article").to_numpy() & (articles == "train")
    if first is not None:
        sides = _by_period(rows, trains_only, first, str(start))
        rounds = [sides.round(f"from {start}", _LATER, 0)]
    elif held_out == "outlet":
        sides = _by_outlet(rows, trains_only)
        rounds = sides.rotated("outlets")
    else:
        sides = _Sides(rows, _homes(rows["fold"].to_numpy(), tied_rows(rows), ~trains_only), ~trains_only, [])
        rounds = sides.rotated("fold")
    for one in rounds:
        _refuse_unusable(one)
    if articles == "train":
        of_articles = (sides.rows["origin"] == "article").to_numpy()
        notes += _counted("training only", of_articles, "of articles (data.articles: train)")
    return Plan(tuple(rounds), (*notes, *sides.notes, *_sitting_out(sides, rounds)))


def tied_rows(rows: pd.DataFrame, outlets: Sequence[str | None] | None = None) -> npt.NDArray[Any]:
    """One name (n,) for all rows that a group, contrast group, text or outlet ties together."""
    contrasts = [str(name) if _there(name) else None for name in _column(rows, "contrast_group")]
    keys = {"group": list(rows["group"]), "contrast": contrasts, "text": [normalised(text) for text in rows["text"]]}
    return np.array(join_rows({**keys, "outlet": outlets or [None] * len(rows)}), dtype=object)


def _by_outlet(rows: pd.DataFrame, trains_only: _Flags) -> _Sides:
    outlets = [normalised(str(value)) if _there(value) else None for value in _column(rows, "outlet")]
    named = np.array([outlet is not None for outlet in outlets])
    tested = named & ~trains_only
    if not tested.any():
        raise UserMistake("data: no statement names its outlet; give the rows a column 'outlet'")
    tied = tied_rows(rows, outlets)
    sets = len(set(tied[tested]))
    if sets < FOLDS:
        raise UserMistake(
            f"data: the outlets fall into {sets} sets that share no page, contrast group or text; "
            f"{FOLDS} or more are needed to hold each out once"
        )
    count = len({outlet for outlet in outlets if outlet})
    notes = [f"{count:,} outlets in {FOLDS} sets; the intervals resample pages: with few outlets they are too narrow"]
    notes += _counted("training only", ~named, "without an outlet")
    return _Sides(rows, _homes(_drawn(rows, tied, tested), tied, tested), tested, notes)


def _by_period(rows: pd.DataFrame, trains_only: _Flags, first: date, start: str) -> _Sides:
    spans = _spans(rows)
    newer = np.array([span is not None and span[0] >= first for span in spans])
    older = np.array([span is not None and span[1] < first for span in spans])
    for side, flags in (("from", newer), ("before", older)):
        if not flags.any():
            raise UserMistake(f"--from {start}: no statement is dated {side} {start}; {_dated(spans)}")
    undated = np.array([span is None for span in spans])
    of_no_time = undated & (_column(rows, "kind") == "constructed").to_numpy()
    tied = tied_rows(rows)
    later = np.isin(tied, list(set(tied[newer])))
    tested = (newer | (older & ~later)) & ~trains_only
    home = _homes(np.where(newer, _LATER, _drawn(rows, tied, tested & older)), tied, tested)
    home[later] = _LATER  # also where only what trains is of the period
    notes = [
        *_counted("training only", of_no_time, "that are constructed and of no time; they may be written later"),
        *_counted("left out", undated & ~of_no_time, "without date or year; they may be of the tested period"),
        *_counted("left out", ~newer & ~older & ~undated, f"whose year or month holds {start}; they may be older"),
    ]
    kept = newer | older | of_no_time
    return _Sides(rows[kept].reset_index(drop=True), home[kept], tested[kept], notes)


def _homes(sets: npt.NDArray[Any], tied: npt.NDArray[Any], tested: _Flags) -> _Homes:
    """For each row the set of what may be tested among the rows that it is tied to, _NOWHERE where nothing may be."""
    of_tied = dict(zip(tied[tested], sets[tested], strict=True))
    return np.array([of_tied.get(name, _NOWHERE) for name in tied], dtype=np.int64)


def _drawn(rows: pd.DataFrame, tied: npt.NDArray[Any], chosen: _Flags) -> _Homes:
    """A set, 0 to FOLDS - 1, for each chosen row, near even in every label; _NOWHERE for the others."""
    ids, texts, labels = (list(rows.loc[chosen, name]) for name in ("id", "text", "label"))
    sets = np.full(len(rows), _NOWHERE)
    sets[chosen] = assign_folds(ids, texts, list(tied[chosen]), labels, [UNASSIGNED] * len(ids), _SEED)
    return sets


def _spans(rows: pd.DataFrame) -> list[_Span | None]:
    """First and last day of each row by its date, else by its year. Raises UserMistake naming what cannot be read."""
    spans: list[_Span | None] = []
    faults = []
    for row_id, day, year in zip(rows["id"], _column(rows, "date"), _column(rows, "year"), strict=True):
        name, value = ("date", str(day).strip()) if _there(day) else ("year", _whole(year))
        try:
            spans.append(_days(value) if value else None)
        except ValueError:
            faults.append(f"data: row {row_id}: {name} {value[:40]!r} is not of the form 2025, 2025-03 or 2025-03-01")
    if faults:
        more = len(faults) - _MOST_FAULTS_SHOWN
        raise UserMistake("\n".join(faults[:_MOST_FAULTS_SHOWN] + [f"... and {more} more"] * (more > 0)))
    return spans


def _days(value: str) -> _Span:
    """First and last day of a year, month or day. Raises ValueError for anything else."""
    found = _DAY.fullmatch(value)
    if found is None:
        raise ValueError(value)
    year, month, day = (int(part) if part else None for part in found.groups())
    first = date(year or 0, month or 1, day or 1)
    last_month = month or 12
    return first, date(first.year, last_month, day or calendar.monthrange(first.year, last_month)[1])


def _first_day(held_out: HeldOut, start: str | None) -> date | None:
    if held_out != "period":
        if start is not None:
            raise UserMistake(f"--from {start}: belongs to --hold-out period, not to {held_out}")
        return None
    if start is None:
        raise UserMistake("--hold-out period needs --from, a year or day such as --from 2025 or --from 2025-03-01")
    try:
        return _days(start)[0]
    except ValueError as fault:
        raise UserMistake(f"--from {start}: neither a year nor a day; give one such as 2025 or 2025-03-01") from fault


def _refuse_unusable(one: Round) -> None:
    for part, rows in (("training", one.train), ("validation", one.validation), ("tested", one.test)):
        counts = Counter(rows["label"])
        absent = [str(label) for label in ORDER if not counts[label]]
        # A tested set may lack a label: all sets are measured together, too.
        if absent and (part != "tested" or rows.empty):
            raise UserMistake(
                f"data: {one.name}: the {part} rows ({len(rows)} in all) hold no {' and no '.join(absent)} statement; "
                "more rows, or another way to hold out, are needed"
            )


def _sitting_out(sides: _Sides, rounds: Sequence[Round]) -> list[str]:
    most = max(len(sides.rows) - len(one.train) - len(one.validation) - len(one.test) for one in rounds)
    why = "they share page, contrast group or text with what is tested or tuned on there"
    return [f"left out of one round: {_statements(most)} at most; {why}"] if most else []


def _dated(spans: Sequence[_Span | None]) -> str:
    known = [span for span in spans if span]
    if not known:
        return "none has a date or year: give the rows a column 'date' or 'year'"
    return f"the dates lie from {min(first for first, _ in known)} to {max(last for _, last in known)}"


def _counted(use: str, flags: _Flags, which: str) -> list[str]:
    return [f"{use}: {_statements(int(flags.sum()))} {which}"] if flags.any() else []


def _statements(count: int) -> str:
    return f"{count:,} statement" + "s" * (count != 1)


def _column(rows: pd.DataFrame, name: str) -> "pd.Series[Any]":
    return rows[name] if name in rows else pd.Series([None] * len(rows), dtype=object)


def _there(value: Any) -> bool:  # noqa: ANN401 - whatever a cell of a user's file holds
    return not (pd.api.types.is_scalar(value) and pd.isna(value)) and bool(str(value).strip())


def _whole(year: object) -> str:
    """A year as it is written: a column of whole numbers with gaps is read as 2025.0."""
    return str(year).strip().removesuffix(".0") if _there(year) else ""
