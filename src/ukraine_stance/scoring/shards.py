"""One shard of rows scored: the unit that is lost or kept, the same whoever scores it and when."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ukraine_stance.classifier import OUTPUT_COLUMNS, PROBABILITY_COLUMNS, StanceClassifier
from ukraine_stance.errors import StanceError
from ukraine_stance.scoring.job import ScoreJob
from ukraine_stance.scoring.summary import ScoreSummary, counted
from ukraine_stance.tables import Batch, Reject, are_empty, picked, values_of

# Where more texts of a shard make the model fail, it is not for the texts.
_MOST_FAILING = 10

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
    """Score the rows of one shard; a text that stands in it twice with the same target is scored once.

    Rows without a text, or without a target where the model needs one, are rejected, and texts that the model fails on.
    """
    texts = shard.batch.table.column(job.text_column).combine_chunks()
    batch = _set_aside(shard.batch, are_empty(texts), f"{job.text_column} is empty")
    if len(classifier.targets) > 1:
        batch = _set_aside(batch, pc.equal(_targets(batch.table), ""), f"{TARGET_COLUMN} is empty")
    return _answered(job, classifier, shard.number, batch)


def _answered(job: ScoreJob, classifier: StanceClassifier, number: int, batch: Batch) -> Scored:
    texts, targets = batch.table.column(job.text_column).combine_chunks(), _targets(batch.table)
    coded = pc.binary_join_element_wise(targets, texts, "\0").dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(codes, return_index=True)
    asked = classifier.asked(targets.take(pa.array(first)).to_pylist(), len(first))
    different = texts.take(pa.array(first)).to_pylist()
    try:
        scores = classifier.score(different, asked)
    except (StanceError, MemoryError):
        raise
    except Exception as fault:  # whatever a tokenizer or network raises: one text must not cost the others
        failing = pa.array(np.isin(codes, _failing(classifier, different, asked, fault)))
        rest = _set_aside(batch, failing, f"the model fails on it ({type(fault).__name__})")
        return _answered(job, classifier, number, rest)
    columns: dict[str, Any] = {ROW: pa.array(np.asarray(batch.rows, dtype=np.int64))}
    for name in OUTPUT_COLUMNS:
        columns[name] = pa.array(scores[name], TYPES[name]).take(coded.indices)
    added = [columns[name] for name in TYPES]
    scored = pa.table([*batch.table.columns, *added], schema=output_schema(batch.table.schema, job.prefix))
    rejects = sorted(batch.rejects, key=lambda reject: reject.row)
    return Scored(number, scored, rejects, counted(scored, job.prefix, rejects, texts, len(first)))


def _failing(classifier: StanceClassifier, texts: list[str], targets: Sequence[str], fault: Exception) -> list[int]:
    """Positions of the texts that fail alone. Raises the fault where none does, or so many that it is not the texts."""
    found: list[int] = []
    unsure = [range(len(texts))]
    while unsure:
        some = unsure.pop()
        try:
            classifier.score([texts[at] for at in some], [targets[at] for at in some])
        except Exception:
            if len(some) > 1:
                unsure += [some[: len(some) // 2], some[len(some) // 2 :]]
                continue
            found.append(some[0])
            if len(found) > _MOST_FAILING:
                raise fault from None
    if not found:
        raise fault
    return found


def _targets(table: pa.Table) -> pa.Array:
    """What each row is to be asked about, as a string without spaces around it; empty where it does not say."""
    if TARGET_COLUMN not in table.column_names:
        return pa.array([""] * table.num_rows, pa.string())
    cells = ["" if cell is None else str(cell).strip() for cell in values_of(table.column(TARGET_COLUMN))]
    return pa.array(cells, pa.string())


def _set_aside(batch: Batch, faulty: pa.Array, reason: str) -> Batch:
    """The batch with its faulty rows among the rejects."""
    chosen = faulty.to_numpy(zero_copy_only=False)
    if not chosen.any():
        return batch
    positions = np.flatnonzero(chosen)
    found = [batch.raws[at] for at in positions] if batch.raws else _as_json(picked(batch.table, positions))
    rejects = [
        Reject(int(batch.rows[at]), reason, raw, batch.file) for at, raw in zip(positions.tolist(), found, strict=True)
    ]
    kept = np.flatnonzero(~chosen)
    rows = np.asarray(batch.rows, dtype=np.int64)[kept].tolist()
    raws = tuple(batch.raws[at] for at in kept) if batch.raws else ()
    return Batch(picked(batch.table, kept), rows, (*batch.rejects, *rejects), batch.file, raws)


def _as_json(table: pa.Table) -> list[bytes]:
    """Each row as a JSON object: what stands for its bytes where the file has none of one row."""
    columns = [values_of(column) for column in table.columns]
    cells = (dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True))
    return [json.dumps(one, ensure_ascii=False, default=str).encode("utf-8") for one in cells]
