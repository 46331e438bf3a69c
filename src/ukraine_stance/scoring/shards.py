"""One shard of rows scored: the unit that is lost or kept, the same whoever scores it and when."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ukraine_stance.classifier import OUTPUT_COLUMNS, PROBABILITY_COLUMNS, StanceClassifier
from ukraine_stance.scoring.job import ScoreJob
from ukraine_stance.scoring.summary import ScoreSummary, counted
from ukraine_stance.tables import Batch, Reject, picked, values_of

ROW = "input_row"
TARGET_COLUMN = "target"
TYPES = {
    ROW: pa.int64(),
    "stance": pa.string(),
    **dict.fromkeys(PROBABILITY_COLUMNS, pa.float64()),
    "confidence": pa.float64(),
    "truncated": pa.bool_(),
    "model_id": pa.string(),
}


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows that are scored and committed together; numbers run from 1 in the order of the input."""

    number: int
    batch: Batch


@dataclass(frozen=True, slots=True)
class Scored:
    """A shard's scored rows, its rejects in the order of their rows, and its counts."""

    number: int
    table: pa.Table
    rejects: list[Reject]
    summary: ScoreSummary


class Scorer(Protocol):
    """Who computes: this process, or others."""

    def __call__(self, job: ScoreJob, classifier: StanceClassifier, shards: Iterator[Shard]) -> Iterator[Scored]:
        """Every shard scored once, in any order, with the values that `score_shard` gives; shards are read as asked."""


def score_here(job: ScoreJob, classifier: StanceClassifier, shards: Iterator[Shard]) -> Iterator[Scored]:
    """Score one shard after the other in this process."""
    for shard in shards:
        yield score_shard(job, classifier, shard)


def output_schema(schema: pa.Schema, prefix: str) -> pa.Schema:
    """The input's columns, then ours."""
    return pa.schema([*schema, *((f"{prefix}{name}", kind) for name, kind in TYPES.items())])


def score_shard(job: ScoreJob, classifier: StanceClassifier, shard: Shard) -> Scored:
    """Score the rows of one shard; a text that stands in it twice with the same target is scored once."""
    batch = shard.batch
    texts, targets = batch.table.column(job.text_column).combine_chunks(), _targets(batch.table)
    blank = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(texts), ""), True).to_numpy(zero_copy_only=False)
    unasked = ~blank & (pc.equal(targets, "").to_numpy(zero_copy_only=False) & (len(classifier.targets) > 1))
    rows = np.asarray(batch.rows, dtype=np.int64)
    table, rejects = batch.table, list(batch.rejects)
    if (blank | unasked).any():
        rejects += _empty_rejects(batch, np.flatnonzero(blank), job.text_column)
        rejects += _empty_rejects(batch, np.flatnonzero(unasked), TARGET_COLUMN)
        kept = np.flatnonzero(~(blank | unasked))
        table, rows = picked(table, kept), rows[kept]
        texts, targets = (cells.take(pa.array(kept)) for cells in (texts, targets))
    coded = pc.binary_join_element_wise(targets, texts, "\0").dictionary_encode()
    _, first = np.unique(coded.indices.to_numpy(zero_copy_only=False), return_index=True)
    asked = classifier.asked(targets.take(pa.array(first)).to_pylist(), len(first))
    scores = classifier.score(texts.take(pa.array(first)).to_pylist(), asked)
    columns: dict[str, Any] = {ROW: pa.array(rows)}
    for name in OUTPUT_COLUMNS:
        columns[name] = pa.array(scores[name], TYPES[name]).take(coded.indices)
    added = [columns[name] for name in TYPES]
    scored = pa.table([*table.columns, *added], schema=output_schema(table.schema, job.prefix))
    rejects.sort(key=lambda reject: reject.row)
    return Scored(shard.number, scored, rejects, counted(scored, job.prefix, rejects, texts, len(first)))


def _targets(table: pa.Table) -> pa.Array:
    """What each row is to be asked about, as a string without spaces around it; empty where it does not say."""
    if TARGET_COLUMN not in table.column_names:
        return pa.array([""] * table.num_rows, pa.string())
    cells = ["" if cell is None else str(cell).strip() for cell in values_of(table.column(TARGET_COLUMN))]
    return pa.array(cells, pa.string())


def _empty_rejects(batch: Batch, positions: np.ndarray, column: str) -> list[Reject]:
    columns = [values_of(column) for column in picked(batch.table, positions).columns]
    rejects = []
    for at, values in zip(positions.tolist(), zip(*columns, strict=True), strict=True):
        cells = json.dumps(dict(zip(batch.table.column_names, values, strict=True)), ensure_ascii=False, default=str)
        rejects.append(Reject(batch.rows[at], f"{column} is empty", cells.encode("utf-8"), batch.file))
    return rejects
