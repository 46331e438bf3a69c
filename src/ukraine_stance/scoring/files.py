"""Score one file into another, a batch at a time in bounded memory; both appear whole or not at all."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from ukraine_stance.classifier import OUTPUT_COLUMNS, PROBABILITY_COLUMNS, StanceClassifier
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, replacing, saying_why_unwritten, sha256_file, sha256_json, write_json
from ukraine_stance.progress import bar
from ukraine_stance.tables import (
    SUFFIXES,
    Batch,
    ReadOptions,
    Reject,
    RejectWriter,
    Source,
    TableWriter,
    listed,
    open_table,
    picked,
)

_BATCH_ROWS = 2048

_ROW = "input_row"
_TARGET = "target"
_TYPES = {
    _ROW: pa.int64(),
    "stance": pa.string(),
    **dict.fromkeys(PROBABILITY_COLUMNS, pa.float64()),
    "confidence": pa.float64(),
    "truncated": pa.bool_(),
    "model_id": pa.string(),
}


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """What to score and how it is read; prefix goes before every column that is added."""

    source: Path
    out: Path
    text_column: str = "text"
    prefix: str = ""
    encoding: str = "utf-8"
    delimiter: str | None = None
    force: bool = False

    @property
    def rejects(self) -> Path:
        """Rows that were not scored, with row, reason and raw bytes."""
        return self.out.with_name(f"{self.out.name}.rejects.jsonl")

    @property
    def manifest(self) -> Path:
        """Counts and hashes; by it a finished output is known as ours."""
        return self.out.with_name(f"{self.out.name}.manifest.json")


@dataclass(slots=True)
class ScoreSummary:
    """Counts of a job; `rows == scored + rejected` always."""

    rows: int = 0
    scored: int = 0
    rejected: int = 0
    truncated: int = 0
    abstained: int = 0
    ids_missing: int = 0
    ids_repeated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    stances: Counter[str] = field(default_factory=Counter)
    already_done: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        # Not `asdict`: it builds a Counter anew from pairs, and counts these.
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}

    def lines(self, job: ScoreJob) -> list[str]:
        """What a person should know, the output's path last."""
        stances = ", ".join(f"{count} {stance}" for stance, count in sorted(self.stances.items()))
        found = [f"{self.rows} rows: {self.scored} scored ({stances or 'none'}), {self.rejected} rejected"]
        if self.already_done:
            found.insert(0, "scored already from this input by this model; nothing to do")
        found += [f"rejected: {count} rows: {reason}" for reason, count in self.reasons.most_common()]
        if self.rejected:
            found.append(f"rejected rows with their reasons: {job.rejects}")
        if self.abstained:
            found.append(f"the model abstained on {self.abstained} rows: their stance is empty")
        if self.truncated:
            found.append(f"{self.truncated} rows are longer than the model reads: scored on their beginning")
        if self.ids_missing or self.ids_repeated:
            found.append(f"ids: {self.ids_missing} missing, {self.ids_repeated} repeated; {_ROW} tells the rows apart")
        return [*found, str(job.out)]


def score_file(job: ScoreJob, classifier: StanceClassifier) -> ScoreSummary:
    """Write every input column and ours (OUTPUT_COLUMNS and the input's row number) to `job.out`.

    A column `target` names what each row is asked about. Given again on the same input, model and options, it finds the
    output complete and does nothing. Raises UserMistake for an input that cannot be read, lacks the text column, has a
    column of ours or, for a model of several targets, none called target, and for an output that exists or cannot be
    written.
    """
    with saying_why_unwritten(job.out):
        _check_paths(job)
    source = open_table(job.source, ReadOptions(job.encoding, job.delimiter, (job.text_column,), _BATCH_ROWS))
    _check_columns(job, source)
    _check_target(job, source, classifier)
    fingerprint = _fingerprint(job, classifier)
    done = _finished(job, fingerprint)
    if done is not None:
        return done
    # The output is renamed last: where it stands, rejects and manifest stand too.
    with saying_why_unwritten(job.out), replacing(job.out) as out:
        with replacing(job.rejects) as rejects:
            summary = _score_rows(job, source, classifier, out, rejects)
        write_json(job.manifest, {**fingerprint, "output_sha256": sha256_file(out), "counts": _plain(summary)})
    return summary


def _score_rows(job: ScoreJob, source: Source, classifier: StanceClassifier, out: Path, rejects: Path) -> ScoreSummary:
    schema = pa.schema([*source.schema, *((f"{job.prefix}{name}", kind) for name, kind in _TYPES.items())])
    summary = ScoreSummary()
    seen_ids: set[int] = set()
    with (
        TableWriter(out, schema, job.out.suffix.lower()) as writer,
        RejectWriter(rejects) as reject_writer,
        bar("scoring rows", source.total) as advance,
    ):
        for batch in source.batches():
            scored, bad = _score_batch(job, batch, classifier, schema)
            writer.write(scored)
            for reject in bad:
                reject_writer.write(reject)
            _count(summary, job, scored, bad, seen_ids)
            advance(len(batch.rows) + len(batch.rejects))
    return summary


def _check_paths(job: ScoreJob) -> None:
    if job.out.suffix.lower() not in SUFFIXES:
        raise UserMistake(f"{job.out}: end the output in one of {', '.join(SUFFIXES)}")
    if job.out.is_dir():
        raise UserMistake(f"{job.out}: is a folder; give a file")
    for path in (job.out, job.rejects, job.manifest):
        if path.exists() and job.source.exists() and path.samefile(job.source):
            raise UserMistake(f"{path}: is the input itself; give another --out")


def _check_columns(job: ScoreJob, source: Source) -> None:
    names = source.schema.names
    if job.text_column not in names:
        raise UserMistake(
            f"{job.source}: no column {job.text_column!r} (columns: {listed(names)}); "
            "name the one to score with --text-column"
        )
    clashes = [f"{job.prefix}{name}" for name in _TYPES if f"{job.prefix}{name}" in names]
    if clashes:
        raise UserMistake(
            f"{job.source}: has the output columns {', '.join(clashes)} already; give --prefix to name ours otherwise"
        )


def _check_target(job: ScoreJob, source: Source, classifier: StanceClassifier) -> None:
    if _TARGET in source.schema.names:
        return
    try:
        classifier.asked(None, 1)
    except UserMistake as fault:
        raise UserMistake(f"{job.source}: {fault}") from fault


def _fingerprint(job: ScoreJob, classifier: StanceClassifier) -> dict[str, Any]:
    options = [job.text_column, job.prefix, job.encoding, job.delimiter]
    return {
        "input_sha256": sha256_file(job.source),
        "model_id": classifier.model_id,
        "options_sha256": sha256_json(options),
    }


def _finished(job: ScoreJob, fingerprint: dict[str, Any]) -> ScoreSummary | None:
    """The summary of the same job done before; None where the output is to be written."""
    if job.force or not job.out.exists():
        return None
    manifest = _manifest(job)
    other = [name for name, value in fingerprint.items() if manifest.get(name) != value]
    if other:
        raise UserMistake(
            f"{job.out}: was made from another {_said(other)}; give another --out, or --force to replace it"
        )
    if sha256_file(job.out) != manifest["output_sha256"]:
        raise UserMistake(f"{job.out}: was changed after it was scored; give another --out, or --force to replace it")
    counts = manifest["counts"]
    counters = {name: Counter(counts.pop(name)) for name in ("reasons", "stances")}
    return ScoreSummary(**{**counts, **counters, "already_done": True})


def _manifest(job: ScoreJob) -> dict[str, Any]:
    try:
        manifest = read_json(job.manifest)
        if {"input_sha256", "model_id", "options_sha256", "output_sha256", "counts"} <= manifest.keys():
            return dict(manifest)
    except (OSError, ValueError, AttributeError):
        pass  # said below
    raise UserMistake(f"{job.out}: exists and is no finished output of this command; --force replaces it")


def _said(names: list[str]) -> str:
    words = {"input_sha256": "input", "model_id": "model", "options_sha256": "choice of options"}
    return " and ".join(words[name] for name in names)


def _score_batch(
    job: ScoreJob, batch: Batch, classifier: StanceClassifier, schema: pa.Schema
) -> tuple[pa.Table, list[Reject]]:
    texts = batch.table.column(job.text_column).to_pylist()
    targets = _targets(batch.table)
    unanswerable = [_fault(job, text, target, classifier) for text, target in zip(texts, targets, strict=True)]
    rejects = list(batch.rejects)
    for at, (row, fault) in enumerate(zip(batch.rows, unanswerable, strict=True)):
        if fault:
            cells = json.dumps(batch.table.slice(at, 1).to_pylist()[0], ensure_ascii=False, default=str)
            rejects.append(Reject(row, fault, cells.encode("utf-8")))
    kept = [at for at, fault in enumerate(unanswerable) if not fault]
    table = picked(batch.table, kept)
    asked = classifier.asked([targets[at] for at in kept], len(kept))
    scores = classifier.score([texts[at] for at in kept], asked)
    columns: dict[str, Any] = {_ROW: [batch.rows[at] for at in kept]}
    columns |= {name: scores[name] for name in OUTPUT_COLUMNS}
    added = [pa.array(columns[name], kind) for name, kind in _TYPES.items()]
    return pa.table([*table.columns, *added], schema=schema), sorted(rejects, key=lambda reject: reject.row)


def _targets(table: pa.Table) -> list[str | None]:
    """What each row is to be asked about, None where it does not say."""
    if _TARGET not in table.column_names:
        return [None] * table.num_rows
    cells = table.column(_TARGET).to_pylist()
    return [None if cell is None or not str(cell).strip() else str(cell) for cell in cells]


def _fault(job: ScoreJob, text: str | None, target: str | None, classifier: StanceClassifier) -> str | None:
    """Why a row cannot be answered, None where it can."""
    if text is None or not text.strip():
        return f"{job.text_column} is empty"
    return f"{_TARGET} is empty" if target is None and len(classifier.targets) > 1 else None


def _count(summary: ScoreSummary, job: ScoreJob, scored: pa.Table, rejects: list[Reject], seen_ids: set[int]) -> None:
    summary.scored += scored.num_rows
    summary.rejected += len(rejects)
    summary.rows += scored.num_rows + len(rejects)
    # What stands in brackets is of one row: without it, reasons are few.
    summary.reasons.update(re.sub(r" \(.*\)", "", reject.reason, flags=re.DOTALL) for reject in rejects)
    stances = scored.column(f"{job.prefix}stance").to_pylist()
    summary.stances.update(stance for stance in stances if stance)
    summary.abstained += sum(not stance for stance in stances)
    summary.truncated += sum(scored.column(f"{job.prefix}truncated").to_pylist())
    if "id" in scored.column_names:
        for value in scored.column("id").to_pylist():
            if value is None or value == "":
                summary.ids_missing += 1
            elif hash(str(value)) in seen_ids:
                summary.ids_repeated += 1
            else:
                seen_ids.add(hash(str(value)))


def _plain(summary: ScoreSummary) -> dict[str, Any]:
    counts = summary.as_dict()
    del counts["already_done"]
    return counts
