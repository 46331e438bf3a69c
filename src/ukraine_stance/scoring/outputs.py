"""The output file: written from committed parts when all are there, so that a cut file never looks whole."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, replacing, sha256_file, write_json
from ukraine_stance.scoring.job import ScoreJob
from ukraine_stance.scoring.parts import Fingerprint, Part, PartFolder, refuse_other
from ukraine_stance.scoring.summary import ScoreSummary
from ukraine_stance.tables import TableWriter


def write_output(job: ScoreJob, parts: PartFolder, summary: ScoreSummary) -> None:
    """Write rejects, manifest and output; the output is renamed last: where it stands, the others do. OSError."""
    with replacing(job.out) as out:
        _join_tables(job, list(parts), out)
        with replacing(job.rejects) as rejects, rejects.open("wb") as stream:
            for part in parts:
                if part.rejects:
                    with part.rejects.open("rb") as one:
                        shutil.copyfileobj(one, stream)
        record = {"fingerprint": parts.fingerprint, "output_sha256": sha256_file(out), "counts": summary.counts()}
        write_json(job.manifest, record)


def finished_output(job: ScoreJob, fingerprint: Fingerprint) -> ScoreSummary | None:
    """The counts of an output file that this job wrote before; None where there is no file.

    Raises UserMistake for a file that is not ours, is of another job, or was changed.
    """
    if not job.out.exists():
        return None
    record = _manifest(job)
    refuse_other(job.out, record["fingerprint"], fingerprint)
    if sha256_file(job.out) != record["output_sha256"]:
        raise UserMistake(f"{job.out}: was changed after it was scored; give another --out, or --force to replace it")
    return ScoreSummary.from_counts(record["counts"])


def _join_tables(job: ScoreJob, parts: list[Part], out: Path) -> None:
    schema = pq.read_schema(parts[0].path).remove_metadata()
    with TableWriter(out, schema, job.suffix, job.compression, job.guard_formulas) as writer:
        for part in parts:
            with pq.ParquetFile(part.path) as file:
                for batch in file.iter_batches():
                    writer.write(pa.Table.from_batches([batch]).cast(schema))


def _manifest(job: ScoreJob) -> dict[str, Any]:
    try:
        record = read_json(job.manifest)
        if {"fingerprint", "output_sha256", "counts"} <= record.keys():
            return dict(record)
    except (OSError, ValueError, AttributeError):
        pass  # said below
    raise UserMistake(f"{job.out}: exists and is no finished output of this command; --force replaces it")
