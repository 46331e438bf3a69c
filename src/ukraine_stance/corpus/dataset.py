"""Build the dataset from bundled statements and labelled article sentences; load it as a config asks."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.corpus import annotations, articles
from ukraine_stance.corpus.bundled import StatementRow, read_statements
from ukraine_stance.corpus.labelled import read_labelled
from ukraine_stance.corpus.splits import (
    APART,
    FOLDS,
    TEST_FOLD,
    UNASSIGNED,
    VALIDATION_FOLD,
    assign_folds,
    join_groups,
    normalised,
)
from ukraine_stance.corpus.votes import latest_labels, majority
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, replacing_folder, saying_why_unwritten, sha256_file, sha256_json, write_json
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.project import Project

if TYPE_CHECKING:
    from ukraine_stance.config import DataConfig

# Folds of the bundled data are part of the data, not of an experiment: one seed, for everybody.
FOLD_SEED = 20250501

_TABLE = "dataset.parquet"
_FOLDS = "folds.csv"
_SUMMARY = "summary.json"

_VOTE = pa.struct([("coder", pa.string()), ("label", pa.string()), ("codebook_version", pa.string())])
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "text", "label", "target", "origin", "group")),
        ("fold", pa.int64()),
        *((name, pa.string()) for name in ("holder", "aspect")),
        ("year", pa.int64()),
        *((name, pa.string()) for name in ("date", "outlet", "source", "kind", "topic")),
        ("hard_case", pa.int64()),
        ("contrast_group", pa.string()),
        ("votes", pa.list_(_VOTE)),
    ]
)

_FOLD_NAMES = {str(fold) for fold in range(FOLDS)}

# In the words about a target that no statement has.
_TARGETS_SHOWN = 10

PARTS = ("train", "validation", "test", "articles")


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """What `build` made: rows by origin and label, and a line for everything that was left out."""

    path: Path
    counts: dict[str, dict[str, int]]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows as a config asks for them, each with its `part`, one of PARTS.

    No group, contrast group or text stands in two parts; sha256 covers every row's id, text, label, target and part.
    """

    frame: pd.DataFrame
    sha256: str

    @property
    def learned_sha256(self) -> str:
        """SHA-256 of the rows that a model learns from or is tuned on; a test set that grows leaves it as it is."""
        return _hash(self.frame[self.frame["part"].isin(("train", "validation"))])

    def part(self, name: str) -> pd.DataFrame:
        """Rows of one part, renumbered from 0; empty where the dataset has none."""
        return self.frame[self.frame["part"] == name].reset_index(drop=True)


def build(project: Project, articles_folder: Path | None) -> BuildSummary:
    """Make data/built/ anew, atomically; folds saved with the project or with the last build are kept.

    Raises UserMistake naming every fault of statements or annotations. Article sentences that no longer match their
    labels, or say word for word what a statement or an earlier article says, are left out and named.
    """
    rows = [_bundled_row(row) for row in read_statements(project.statements)]
    left_out: list[str] = []
    if articles_folder is not None:
        article_rows, left_out = _article_rows(project, articles_folder)
        rows = _without_repeats([*rows, *article_rows], left_out)
    saved = _read_folds(project.built / _FOLDS) | _read_folds(project.saved_folds)
    _fill_folds(rows, saved)
    counts = {
        origin: {str(label): sum(row["origin"] == origin and row["label"] == label for row in rows) for label in ORDER}
        for origin in ("bundled", "article")
    }
    with saying_why_unwritten(project.built), replacing_folder(project.built) as folder:
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), folder / _TABLE, compression="zstd")
        _write_folds(folder / _FOLDS, saved | {row["group"]: row["fold"] for row in rows})
        write_json(folder / _SUMMARY, {"counts": counts, "left_out": left_out, "sources": _sources_sha256(project)})
    return BuildSummary(project.built, counts, tuple(left_out))


def load(project: Project, config: "DataConfig") -> Dataset:
    """Rows that the config names, each in its part; the user's rows without a fold get the same one for every seed.

    What shares its group or text with an article that is kept for the test is kept for the test with it. The parts are
    those of all targets, so models of one target each and of all are tested on the same rows. Raises UserMistake when
    the dataset is not built, holds no article sentences that the config trains on, an id stands twice, a fold would
    split a group, no row has a target that the config names, or a part lacks a label.
    """
    frame = gather(project, config)
    frame["fold"] = _with_folds(frame)
    frame["part"] = [part_of(fold) for fold in frame["fold"]]
    if config.targets:
        frame = _toward(frame, config.targets)
    _refuse_unusable(frame)
    return Dataset(frame, _hash(frame))


def gather(project: Project, config: "DataConfig") -> pd.DataFrame:
    """Rows that the config names with the folds that they bring, UNASSIGNED where they bring none.

    Raises UserMistake when the dataset is not built, a file cannot be used, or an id stands twice.
    """
    frames = [_built_rows(project, config)]
    frames += [_users_rows(project, name) for name in config.files]
    frame = pd.concat([part for part in frames if not part.empty], ignore_index=True)
    doubled = frame["id"][frame["id"].duplicated()].unique()
    if len(doubled):
        raise UserMistake(
            f"data: ids stand in two sources: {', '.join(map(str, doubled[:5]))}; give the rows other ids"
        )
    return frame


def _toward(frame: pd.DataFrame, targets: Sequence[str]) -> pd.DataFrame:
    absent = sorted(set(targets) - set(frame["target"]))
    if absent:
        there = Counter(frame["target"]).most_common(_TARGETS_SHOWN)
        raise UserMistake(
            f"data.targets: no statement is toward {', '.join(map(repr, absent))}; the data has "
            + ", ".join(f"{target!r} ({rows})" for target, rows in there)
        )
    return frame[frame["target"].isin(targets)].reset_index(drop=True)


def _users_rows(project: Project, name: str) -> pd.DataFrame:
    frame = read_labelled(project.root / name)
    return frame if "source" in frame else frame.assign(source=name)


def read_built(project: Project) -> pd.DataFrame:
    """Every row of data/built/, with the columns of SCHEMA.

    Raises UserMistake when the dataset is not built, or from other statements than the project holds now.
    """
    path = project.built / _TABLE
    if not path.is_file():
        raise UserMistake(f"{path}: missing; run: stance data build")
    frame = _read_table(path)
    if _built_from(project) != _sources_sha256(project):
        raise UserMistake(f"{path}: made from other statements than data/statements holds now; run: stance data build")
    return frame


def _built_rows(project: Project, config: "DataConfig") -> pd.DataFrame:
    frame = read_built(project)
    if config.articles != "test" and not (frame["origin"] == "article").any():
        raise UserMistake(
            f"data.articles: {config.articles}, but data/built holds no article sentences; "
            "run: stance data build --articles DIR"
        )
    if config.articles != "folds":
        frame.loc[frame["origin"] == "article", "fold"] = APART if config.articles == "test" else VALIDATION_FOLD + 1
    return frame if config.bundled else frame[frame["origin"] != "bundled"]


def _built_from(project: Project) -> str | None:
    try:
        return str(read_json(project.built / _SUMMARY)["sources"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sources_sha256(project: Project) -> str:
    paths = [*sorted(project.statements.glob("*.jsonl")), project.saved_folds]
    return sha256_json([[path.name, sha256_file(path)] for path in paths if path.is_file()])


def _read_table(path: Path) -> pd.DataFrame:
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError):
        table = pa.table({})
    if not table.schema.equals(SCHEMA):
        raise UserMistake(f"{path}: not a dataset of this version; make it anew with: stance data build")
    frame: pd.DataFrame = table.to_pandas()
    return frame


def part_of(fold: int) -> str:
    """The part, one of PARTS, that a fold serves for."""
    return {TEST_FOLD: "test", VALIDATION_FOLD: "validation", APART: "articles"}.get(fold, "train")


def _refuse_unusable(frame: pd.DataFrame) -> None:
    for part in ("train", "validation", "test"):
        counts = Counter(frame.loc[frame["part"] == part, "label"])
        absent = [str(label) for label in ORDER if not counts[label]]
        if absent:
            raise UserMistake(
                f"data: the {part} rows hold no {' and no '.join(absent)} statement ({len(frame)} rows in all); "
                "every part needs all three labels: add rows or give their folds in a column 'fold'"
            )


def _bundled_row(row: StatementRow) -> dict[str, Any]:
    return {**row.model_dump(), "target": TARGET, "origin": "bundled", "group": row.group}


def _article_rows(project: Project, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    found, left_out = articles.read_folder(folder)
    alignment = annotations.align(annotations.read(project.annotations), found)
    for lost in alignment.unmatched:
        row = lost.annotation
        left_out.append(f"{row.article_id} [{row.start}:{row.end}] by {row.coder}: {lost.reason}")
    rows = []
    for span in alignment.matched:
        label = majority(latest_labels(span.votes).values())
        if label is None:
            left_out.append(f"{span.article.article_id} [{span.start}:{span.end}]: no label that most votes name")
            continue
        rows.append(_article_row(span, label))
    return rows, left_out


def _article_row(span: annotations.LabelledSpan, label: str) -> dict[str, Any]:
    # Holder, aspect and topic come from the last of the coders that gave the label: an adjudicator stands behind them.
    deciding = next(vote for vote in reversed(span.votes) if vote.label == label)
    article = span.article
    return {
        "id": f"{article.article_id}-{span.start}-{span.end}",
        "text": span.text,
        "label": label,
        "target": TARGET,
        "origin": "article",
        "group": article.article_id,
        "holder": deciding.holder,
        "aspect": deciding.aspect,
        "year": int(article.date[:4]) if article.date else None,
        "date": article.date,
        "outlet": article.outlet,
        "source": article.path.name,
        "kind": span.kind,
        "topic": deciding.topic,
        "hard_case": deciding.hard_case,
        "contrast_group": None,
        "votes": [asdict(vote.vote) for vote in span.votes],
    }


def _without_repeats(rows: Sequence[dict[str, Any]], left_out: list[str]) -> list[dict[str, Any]]:
    """The rows but for article sentences that an earlier group holds already: two groups' folds may differ."""
    first_with: dict[str, dict[str, Any]] = {}
    kept = []
    for row in rows:
        first = first_with.setdefault(normalised(row["text"]), row)
        if row["origin"] == "article" and first["group"] != row["group"]:
            left_out.append(f"{row['id']}: has the text of {first['id']}")
        else:
            kept.append(row)
    return kept


def _fill_folds(rows: list[dict[str, Any]], saved: dict[str, int]) -> None:
    # Each origin is spread by itself: the article sentences must be even over the folds on their own.
    for origin in ("bundled", "article"):
        chosen = [row for row in rows if row["origin"] == origin]
        for row in chosen:
            row["fold"] = saved.get(row["group"], UNASSIGNED)
        if chosen:
            for row, fold in zip(chosen, _with_folds(pd.DataFrame(chosen)), strict=True):
                row["fold"] = fold


def _with_folds(frame: pd.DataFrame) -> list[int]:
    ids, texts, labels, fixed = (list(frame[name]) for name in ("id", "text", "label", "fold"))
    return assign_folds(ids, texts, joined_groups(frame), labels, fixed, FOLD_SEED)


def joined_groups(frame: pd.DataFrame) -> list[str]:
    """One name for each row of what must stand on one side of a split: its group, and what shares a contrast group."""
    contrasts = [name if isinstance(name, str) else None for name in frame.get("contrast_group", [None] * len(frame))]
    return join_groups(list(frame["group"]), contrasts)


def _read_folds(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    folds: dict[str, int] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        for row in reader:
            fold = row.get("fold")
            if not row.get("group") or fold not in _FOLD_NAMES or folds.get(row["group"], int(fold)) != int(fold):
                raise UserMistake(
                    f"{path}:{reader.line_num}: needs a group, once, and its fold, 0 to {FOLDS - 1}, not {row}"
                )
            folds[row["group"]] = int(fold)
    return folds


def _write_folds(path: Path, folds: dict[str, int]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("group", "fold"))
        writer.writerows(sorted(folds.items()))


def _hash(frame: pd.DataFrame) -> str:
    columns = [name for name in ("id", "text", "label", "target", "part") if name in frame]
    return sha256_json(sorted(frame[columns].astype(str).to_numpy().tolist()))
