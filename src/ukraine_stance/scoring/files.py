"""Score files shard by shard, in bounded memory; a job that was killed goes on where it was."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import StanceError, UserMistake
from ukraine_stance.files import saying_why_unwritten, sole_writer
from ukraine_stance.progress import bar, line
from ukraine_stance.scoring.ids import repeated_ids
from ukraine_stance.scoring.job import FILE_COLUMN, ScoreJob
from ukraine_stance.scoring.outputs import finished_output, write_output
from ukraine_stance.scoring.parts import PartFolder, discard, refuse_strangers
from ukraine_stance.scoring.shards import TARGET_COLUMN, TYPES, Scorer, Shard, output_schema, score_here
from ukraine_stance.scoring.summary import ScoreSummary
from ukraine_stance.tables import Place, ReadOptions, SeveralSources, listed, saying_why_unread

States = dict[Place, tuple[Any, ...]]


def score_file(job: ScoreJob, classifier: StanceClassifier, scorer: Scorer = score_here) -> ScoreSummary:
    """Write every input column and ours (OUTPUT_COLUMNS and the input's row number) to `job.out`.

    scorer computes the shards; whoever it is, reading the input and committing what was scored stay here.
    A column `target` names what each row is asked about. Given again after it was stopped, it goes on with the shards
    that are missing; given again on the same input, model and options, it finds the output complete and does nothing.
    Raises UserMistake for an input that cannot be read, lacks the text column, has a column of ours or, for a model of
    several targets, none called target, and for an output that is another's or cannot be written.
    """
    with saying_why_unwritten(job.out):
        places, several = job.places()
    options = ReadOptions(job.encoding, job.delimiter, (job.text_column,), job.shard_rows)
    # Asked before the files are read for the first time, and after every shard.
    for place in places:
        place.check()
    states = {place: place.state() for place in places}
    source = SeveralSources(places, options, FILE_COLUMN if several else None)
    _check_columns(job, source.schema, classifier)
    fingerprint = job.fingerprint(places, several, classifier)
    with ExitStack() as owned:
        with saying_why_unwritten(job.out):
            owned.enter_context(sole_writer(job.parts))
            if job.force and job.parts.exists():
                refuse_strangers(job.parts)
                discard(job.parts)
            done = None if job.force or job.is_folder else finished_output(job, fingerprint)
            if done is not None:
                discard(job.parts)  # left by a call that was killed at its very end
                done.already_done = True
                return done
            parts = PartFolder(job.parts, fingerprint)
        with _keeping(parts):
            return _score_parts(job, source, states, parts, classifier, scorer)


def _score_parts(
    job: ScoreJob,
    source: SeveralSources,
    states: States,
    parts: PartFolder,
    classifier: StanceClassifier,
    scorer: Scorer,
) -> ScoreSummary:
    summary = parts.finished()
    if summary is None:
        summary = _score_shards(job, source, states, parts, classifier, scorer)
        with saying_why_unwritten(job.out):
            parts.finish(summary)
    elif job.is_folder:
        summary.already_done = True
    if not job.is_folder:
        with saying_why_unwritten(job.out):
            write_output(job, parts, summary)
            discard(job.parts)
    return summary


def _score_shards(
    job: ScoreJob,
    source: SeveralSources,
    states: States,
    parts: PartFolder,
    classifier: StanceClassifier,
    scorer: Scorer,
) -> ScoreSummary:
    schema = output_schema(source.schema, job.prefix)
    total = ScoreSummary(rows_kept=sum(part.summary.rows for part in parts))
    read: dict[int, Place] = {}
    with bar("scoring rows", source.total) as advance:

        def missing() -> Iterator[Shard]:
            for number, (place, batch) in enumerate(source.batches(), start=1):
                read[number] = place
                if number not in parts:
                    yield Shard(number, batch)
                    continue
                rows = len(batch.rows) + len(batch.rejects)
                if parts[number].summary.rows != rows:
                    raise StanceError(
                        f"{parts[number].path}: holds {parts[number].summary.rows} rows where {rows} are read now, "
                        "from the same input; give --force to begin anew"
                    )
                advance(rows)

        for scored in scorer(job, classifier, missing()):
            place = read[scored.number]
            _refuse_changed(place, states[place])
            with saying_why_unwritten(job.out):
                parts.commit(scored.number, scored.table, scored.rejects, scored.summary)
            advance(scored.summary.rows)
    if not read:
        with saying_why_unwritten(job.out):
            parts.commit(1, schema.empty_table(), [], ScoreSummary())
    for place, state in states.items():
        _refuse_changed(place, state)
    for part in parts:
        total.add(part.summary)
    if "id" in schema.names:
        with saying_why_unwritten(job.out):
            total.ids_repeated = repeated_ids(_ids(parts), total.scored, job.parts)
    return total


def _ids(parts: PartFolder) -> Iterator[pa.ChunkedArray]:
    for part in parts:
        with pq.ParquetFile(part.path) as file:
            yield file.read(columns=["id"]).column("id")


@contextmanager
def _keeping(parts: PartFolder) -> Iterator[None]:
    """Where work ends early, say what is kept of it, and leave no empty folder."""
    try:
        yield
    except BaseException as ending:
        # Asked of the disk: a signal may have come between the rename and our knowing of it.
        if not any(parts.folder.glob("part-*")):
            discard(parts.folder)
        elif isinstance(ending, KeyboardInterrupt):
            line(f"what was scored is kept in {parts.folder}; the same command goes on from there")
        raise


def _refuse_changed(place: Place, state: tuple[Any, ...]) -> None:
    with saying_why_unread(place):
        if place.state() != state:
            raise UserMistake(f"{place}: was changed while it was scored; give the command again with --force")


def _check_columns(job: ScoreJob, schema: pa.Schema, classifier: StanceClassifier) -> None:
    where = " ".join(job.sources)
    if job.text_column not in schema.names:
        raise UserMistake(
            f"{where}: no column {job.text_column!r} (columns: {listed(schema.names)}); "
            "name the one to score with --text-column"
        )
    clashes = [f"{job.prefix}{name}" for name in TYPES if f"{job.prefix}{name}" in schema.names]
    if clashes:
        raise UserMistake(
            f"{where}: has the output columns {', '.join(clashes)} already; give --prefix to name ours otherwise"
        )
    if TARGET_COLUMN not in schema.names:
        try:
            classifier.asked(None, 1)
        except UserMistake as fault:
            raise UserMistake(f"{where}: {fault}") from fault
