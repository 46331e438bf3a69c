"""What may be wrong with a dataset whose every row can be read: leaks between parts, doubles, imbalance, odd texts."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date as calendar_date

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from ukraine_stance.config import DataConfig
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.annotations import Annotation, align
from ukraine_stance.corpus.leakage import near_duplicates
from ukraine_stance.corpus.splits import UNASSIGNED, join_groups, normalised
from ukraine_stance.corpus.votes import majority, plain_labels
from ukraine_stance.labels import ASPECTS, ORDER
from ukraine_stance.project import Project
from ukraine_stance.records import Article

_LABELS = [str(label) for label in ORDER]
_ORIGINS = ["bundled", "article", "user"]
_KINDS = ["reported", "constructed", "headline", "crosshead", "item", "body"]
_PLACES = ["train", "validation", "test", "articles"]

_MOST_ROWS_NAMED = 5

# Words: one or two are a scrap of a page, and this many times the usual length is a paragraph or a whole article.
_FEWEST_WORDS, _MANY_TIMES = 3, 4

# A part whose share of a label is off by more than this many standard errors (and three points) is lopsided.
_LOPSIDED_ERRORS, _LOPSIDED_POINTS = 4.0, 0.03


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; a grave one makes figures wrong and is refused, the others are for a person to look at."""

    rule: str
    grave: bool
    said: str
    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = ", ".join(self.rows[:_MOST_ROWS_NAMED])
        more = f" and {len(self.rows) - _MOST_ROWS_NAMED} more" if len(self.rows) > _MOST_ROWS_NAMED else ""
        return f"{self.rule}: {self.said}{f' ({named}{more})' if named else ''}"


def check_rows(rows: pd.DataFrame) -> list[Finding]:
    """Everything found in rows with `id`, `text`, `label`, `group` and `part`, and what else of a data row they have.

    `part` says where a row serves: train, validation, test or articles. Grave findings come first.
    """
    found = _schema_findings(rows)
    if any(finding.grave for finding in found):
        return found  # what follows reads the columns as the schema says they are
    for check in (_split_groups, _doubles, _near_doubles, _votes, _balance, _lengths, _characters):
        found += check(rows)
    return sorted(found, key=lambda finding: not finding.grave)


def check_config(project: Project, config: DataConfig) -> tuple[pd.DataFrame, list[Finding]]:
    """The rows that a config names, each in its part, and everything found in them, grave findings first.

    Where the folds that the rows bring would split a group or a text, the findings are those alone: such rows cannot be
    given parts. Raises UserMistake as `dataset.load` does.
    """
    rows = dataset.gather(project, config)
    placed = rows[rows["fold"] != UNASSIGNED]
    placed = placed.assign(part=[dataset.part_of(fold) for fold in placed["fold"]])
    leaks = [finding for finding in _split_groups(placed) + _doubles(placed) if finding.rule == "leak"]
    if leaks:
        return placed, leaks
    loaded = dataset.load(project, config).frame
    return loaded, check_rows(loaded)


def check_annotations(found: Sequence[Annotation], articles: Sequence[Article] | None) -> list[Finding]:
    """Stand-off labels: each sentence two coders, spans that do not cross, and, given the articles, sentences found."""
    spans: dict[tuple[str, int, int], set[str]] = defaultdict(set)
    for one in found:
        spans[one.article_id, one.start, one.end].add(one.coder)
    single = tuple(f"{name} {start}:{end}" for (name, start, end), coders in spans.items() if len(coders) < 2)
    findings = [Finding("annotation", False, "coded by one coder alone", single)] if single else []
    crossing, reached = [], ("", 0)  # the article, and how far its sentences reach so far
    for name, start, end in sorted(spans):
        if (name, start) < reached:
            crossing.append(f"{name} {start}:{end}")
        reached = max(reached, (name, end))
    if crossing:
        findings.append(Finding("annotation", True, "begins inside another labelled sentence", tuple(crossing)))
    if articles is not None:
        lost = tuple(unmatched.reason for unmatched in align(found, articles).unmatched)
        findings += [Finding("annotation", True, reason) for reason in dict.fromkeys(lost)]
    return findings


def _column(kind: type, *checks: pa.Check, nullable: bool = False) -> pa.Column:
    return pa.Column(kind, list(checks), nullable=nullable, required=False, coerce=False)


_HAS_WORDS = pa.Check(lambda texts: texts.str.strip() != "", error="is empty")
_DATE = pa.Check(lambda dates: dates.map(lambda value: _is_date(value)), error="is no date (YYYY-MM-DD)")

# The data contract; columns that a user's file adds are nobody's business here.
SCHEMA = pa.DataFrameSchema(
    {
        "id": pa.Column(object, [_HAS_WORDS], unique=True),
        "text": pa.Column(object, [_HAS_WORDS]),
        "label": pa.Column(object, [pa.Check.isin(_LABELS, error=f"is none of {', '.join(_LABELS)}")]),
        "group": pa.Column(object, [_HAS_WORDS]),
        "part": pa.Column(object, [pa.Check.isin(_PLACES)]),
        "origin": _column(object, pa.Check.isin(_ORIGINS, error=f"is none of {', '.join(_ORIGINS)}")),
        "aspect": _column(object, pa.Check.isin(ASPECTS, error=f"is none of {', '.join(ASPECTS)}"), nullable=True),
        "kind": _column(object, pa.Check.isin(_KINDS, error=f"is none of {', '.join(_KINDS)}"), nullable=True),
        "topic": _column(object, pa.Check.isin(["on", "off"], error="is neither on nor off"), nullable=True),
        "hard_case": _column(
            float, pa.Check.in_range(1, 17, error="is no rule of the codebook (1 to 17)"), nullable=True
        ),
        "year": _column(float, pa.Check.in_range(1991, 2100, error="is outside 1991 to 2100"), nullable=True),
        "date": _column(object, _DATE, nullable=True),
    },
    strict=False,
)


def _schema_findings(rows: pd.DataFrame) -> list[Finding]:
    plain = rows.copy()
    for name, column in SCHEMA.columns.items():
        if name in plain:  # pandas keeps strings and whole numbers in several types that mean the same here
            values = plain[name].astype(object).where(plain[name].notna(), None)
            if column.nullable:  # a CSV has no other way to say nothing
                blank = values.map(lambda value: isinstance(value, str) and not value.strip()).astype(bool)
                values = values.mask(blank, None)
            plain[name] = _numbers(values) if column.dtype.type == np.float64 else values
    try:
        SCHEMA.validate(plain, lazy=True)
    except SchemaErrors as faults:
        return list(_told(faults.failure_cases, rows))
    return []


def _numbers(values: pd.Series) -> pd.Series:
    """The values as floats; what is no number is inf, which no range holds."""
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers.where(numbers.notna() | values.isna(), np.inf).astype(float)


def _told(cases: pd.DataFrame, rows: pd.DataFrame) -> Iterator[Finding]:
    for (column, check), group in cases.groupby(["column", "check"], sort=False, dropna=False):
        places = [int(place) for place in group["index"] if place == place and place is not None]
        named = tuple(str(rows["id"].iloc[place]) for place in places)
        said = "stands twice" if check == "field_uniqueness" else str(check)
        yield Finding("schema", True, f"{column} {said}", named)


def _split_groups(rows: pd.DataFrame) -> list[Finding]:
    found = []
    for name in ("group", "contrast_group"):
        if name not in rows:
            continue
        there = rows[rows[name].map(lambda value: isinstance(value, str) and bool(value))]
        parts = there.groupby(name)["part"].agg(lambda part: sorted(set(part)))
        for value, places in parts[parts.map(len) > 1].items():
            ids = tuple(map(str, there.loc[there[name] == value, "id"]))
            found.append(Finding("leak", True, f"{name} {value} stands in {' and '.join(places)}", ids))
    return found


def _doubles(rows: pd.DataFrame) -> list[Finding]:
    found = []
    for _, same in rows.groupby(rows["text"].map(normalised)):
        if len(same) > 1:
            ids = tuple(map(str, same["id"]))
            if same["part"].nunique() > 1:
                said = f"one text stands in {' and '.join(sorted(set(same['part'])))}"
                found.append(Finding("leak", True, said, ids))
            elif same["label"].nunique() > 1:
                found.append(Finding("contradiction", True, "one text bears several labels", ids))
            else:
                found.append(
                    Finding("double", False, f"one text stands {len(same)} times in {same['part'].iloc[0]}", ids)
                )
    return found


def _near_doubles(rows: pd.DataFrame) -> list[Finding]:
    contrasts = rows["contrast_group"] if "contrast_group" in rows else [None] * len(rows)
    groups = join_groups(list(rows["group"]), [value if isinstance(value, str) else None for value in contrasts])
    texts = [normalised(text) for text in rows["text"]]
    found = []
    for pair in near_duplicates(texts):
        if groups[pair.first] == groups[pair.second] or texts[pair.first] == texts[pair.second]:
            continue
        ids = (str(rows["id"].iloc[pair.first]), str(rows["id"].iloc[pair.second]))
        places = sorted({rows["part"].iloc[pair.first], rows["part"].iloc[pair.second]})
        share = f"{pair.similarity:.0%} of the word pairs in common"
        if len(places) > 1:
            said = f"near-duplicates in {' and '.join(places)}, {share}; give them one group, or leave one out"
            found.append(Finding("leak", True, said, ids))
        else:
            found.append(Finding("double", False, f"near-duplicates in {places[0]}, {share}", ids))
    return found


def _votes(rows: pd.DataFrame) -> list[Finding]:
    if "votes" not in rows:
        return []
    wrong, settled = [], []
    for row_id, label, cell in zip(rows["id"], rows["label"], rows["votes"], strict=True):
        votes = plain_labels(cell, f"row {row_id}").values()
        if votes and majority(votes) is None and label in votes:
            settled.append(str(row_id))
        elif votes and majority(votes) != label:
            wrong.append(str(row_id))
    found = [Finding("votes", True, "label is not the one that most votes name", tuple(wrong))] if wrong else []
    said = "label was settled where the votes tie"
    return found + ([Finding("votes", False, said, tuple(settled))] if settled else [])


def _balance(rows: pd.DataFrame) -> list[Finding]:
    """Labels that a part lacks or has far too many or few of, against all rows but the articles."""
    found = []
    folded = rows[rows["part"] != "articles"]
    for part, chosen in folded.groupby("part"):
        counts = Counter(chosen["label"])
        for label in _LABELS:
            if not counts[label]:
                found.append(Finding("balance", True, f"{part} holds no {label} statement"))
                continue
            overall = float((folded["label"] == label).mean())
            off = abs(counts[label] / len(chosen) - overall)
            error = float(np.sqrt(overall * (1 - overall) / len(chosen)))
            if off > max(_LOPSIDED_ERRORS * error, _LOPSIDED_POINTS):
                said = f"{part} is {counts[label] / len(chosen):.0%} {label}, the whole {overall:.0%}"
                found.append(Finding("balance", False, said))
    return found


def _lengths(rows: pd.DataFrame) -> list[Finding]:
    rows = _own(rows)
    words = np.array([len(text.split()) for text in rows["text"]])
    usual = float(np.median(words))
    found = []
    odd = {f"under {_FEWEST_WORDS} words": words < _FEWEST_WORDS}
    odd[f"over {_MANY_TIMES} times the usual {usual:.0f} words"] = words > _MANY_TIMES * usual
    for said, there in odd.items():
        if there.any():
            found.append(Finding("length", False, said, tuple(map(str, rows.loc[there, "id"]))))
    return found


# What a text should not hold, and how it is called.
_ODD_TEXTS: dict[str, Callable[[str], object]] = {
    "a character that a wrong encoding leaves": re.compile(r"\ufffd|Ã[\u0080-\u00bf]|â€").search,
    "a control character": lambda text: any(unicodedata.category(c) == "Cc" and c not in "\t\n\r" for c in text),
    "HTML": re.compile(r"</?[a-zA-Z][^<>]*>|&(?:amp|nbsp|quot|lt|gt|#\d+);").search,
    "an address of the web": re.compile(r"https?://\S").search,
}


def _characters(rows: pd.DataFrame) -> list[Finding]:
    odd: dict[str, list[str]] = defaultdict(list)
    rows = _own(rows)
    for row_id, text in zip(rows["id"], rows["text"], strict=True):
        for name, holds in _ODD_TEXTS.items():
            if holds(text):
                odd[name].append(str(row_id))
    return [Finding("text", False, f"holds {name}", tuple(ids)) for name, ids in odd.items()]


def _own(rows: pd.DataFrame) -> pd.DataFrame:
    """The user's rows where there are any: nobody can mend the others."""
    users = rows["origin"] == "user" if "origin" in rows else pd.Series(False, index=rows.index)
    return rows[users] if users.any() else rows


def _is_date(value: object) -> bool:
    text = str(value)  # Parquet holds dates as such
    try:
        return calendar_date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
