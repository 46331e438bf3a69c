"""Scored shards on disk: each appears whole or not at all, and a job that was killed goes on after its last one.

A shard is scored, written to a temporary file, synced, and renamed to `part-NUMBER-HASH.parquet`, HASH being of its
bytes; its rejects stand in `_rejects/` before that. The job's fingerprint and the shard's counts are in the part's
footer. `_SUCCESS` is written last. The caller holds the folder's lock (`files.sole_writer`).
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, sha256_file, sync_folder, write_json
from ukraine_stance.scoring.summary import ScoreSummary
from ukraine_stance.tables import Reject, RejectWriter

SUCCESS = "_SUCCESS"
_REJECTS = "_rejects"
_FOOTER = b"ukraine_stance_part"
# Digits of a part's sha256 in its name: what tells a flipped bit.
_DIGITS = 16
_NAME = re.compile(rf"part-\d{{6,}}-[0-9a-f]{{{_DIGITS}}}\.parquet")

Fingerprint = Mapping[str, str]

# What a job is asked besides its files and its model.
OPTIONS = ("text_column", "prefix", "encoding", "delimiter", "guard_formulas", "shard_rows")

# What a fingerprint's parts are called in messages; another version of this program has another `format`.
WORDS = {
    "format": "version of this program",
    "model_id": "model",
    "engine": "engine",
    "target": "target",
    "labels": "order of labels",
    **{name: f"--{name.replace('_', '-')}" for name in OPTIONS},
    "input_sha256": "input",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A committed shard: its scored rows, its rejects where it has any, and its counts."""

    path: Path
    rejects: Path | None
    summary: ScoreSummary


class PartFolder:
    """The parts of one job, in a folder that nobody else writes to."""

    def __init__(self, folder: Path, fingerprint: Fingerprint) -> None:
        """Take up what stands there. Raises UserMistake for another job's parts, damaged ones, and strange files."""
        self.folder = folder
        self.fingerprint = dict(fingerprint)
        folder.mkdir(parents=True, exist_ok=True)
        refuse_strangers(folder)
        for left in folder.rglob(".part-*.tmp"):
            left.unlink()
        self._parts: dict[int, Part] = {}
        for path in sorted(folder.glob("part-*.parquet")):
            number = int(path.name.split("-")[1])
            if number in self._parts:
                raise UserMistake(f"{path}: is a second part of one number; remove one, or give --force")
            self._parts[number] = self._checked(path)

    def __contains__(self, number: int) -> bool:
        return number in self._parts

    def __iter__(self) -> Iterator[Part]:
        """The parts in the order of their rows."""
        return (self._parts[number] for number in sorted(self._parts))

    def __getitem__(self, number: int) -> Part:
        return self._parts[number]

    def finished(self) -> ScoreSummary | None:
        """The counts of a job whose every shard is committed, else None."""
        path = self.folder / SUCCESS
        if not path.exists():
            return None
        try:
            record = read_json(path)
            fingerprint, names, counts = record["fingerprint"], record["parts"], record["counts"]
        except (ValueError, KeyError, TypeError) as fault:
            raise UserMistake(f"{path}: is damaged; give --force to begin anew, or another --out") from fault
        refuse_other(self.folder, fingerprint, self.fingerprint)
        if names != [part.path.name for part in self]:
            raise UserMistake(
                f"{self.folder}: was changed after it was finished: its parts are not those that {SUCCESS} lists; "
                "give --force to begin anew, or another --out"
            )
        return ScoreSummary.from_counts(counts)

    def commit(self, number: int, table: pa.Table, rejects: list[Reject], summary: ScoreSummary) -> None:
        """Make one shard last; a kill at any moment leaves it whole or absent. May raise OSError."""
        reject_file = None
        if rejects:
            (self.folder / _REJECTS).mkdir(exist_ok=True)
            reject_file = _committed(self.folder / _REJECTS, number, "jsonl", lambda path: _write(path, rejects))
        footer = {
            "fingerprint": self.fingerprint,
            "rejects": reject_file.name if reject_file else None,
            "counts": summary.counts(),
        }
        table = table.replace_schema_metadata({_FOOTER: json.dumps(footer, sort_keys=True)})
        path = _committed(self.folder, number, "parquet", lambda path: pq.write_table(table, path, compression="zstd"))
        self._parts[number] = Part(path, reject_file, summary)

    def finish(self, summary: ScoreSummary) -> None:
        """Say that every shard is there, and how many rows they hold. May raise OSError."""
        kept = {part.rejects for part in self}
        for path in (self.folder / _REJECTS).glob("*"):
            if path not in kept:  # its part was never committed
                path.unlink()
        record = {
            "fingerprint": self.fingerprint,
            "counts": summary.counts(),
            "parts": [part.path.name for part in self],
            "rejects": [part.rejects.name for part in self if part.rejects],
        }
        write_json(self.folder / SUCCESS, record)

    def _checked(self, path: Path) -> Part:
        _refuse_damaged(path, path)
        try:
            footer = json.loads(pq.read_schema(path).metadata[_FOOTER])
        except (pa.ArrowException, KeyError, TypeError, ValueError) as fault:
            raise UserMistake(f"{path}: is no part of this command's; give another --out") from fault
        refuse_other(self.folder, footer["fingerprint"], self.fingerprint)
        rejects = self.folder / _REJECTS / footer["rejects"] if footer["rejects"] else None
        if rejects:
            _refuse_damaged(rejects, path)
        return Part(path, rejects, ScoreSummary.from_counts(footer["counts"]))


def refuse_other(where: Path, found: Fingerprint, ours: Fingerprint) -> None:
    """Raise UserMistake, naming both, where what stands at `where` is of another input, model or option."""
    other = [
        f"another {words} ({_short(found.get(name))} there, {_short(ours.get(name))} now)"
        for name, words in WORDS.items()
        if found.get(name) != ours.get(name)
    ]
    if other:
        raise UserMistake(f"{where}: was made from {' and '.join(other)}; give another --out, or --force to replace it")


def refuse_strangers(folder: Path) -> None:
    """Raise UserMistake where a folder holds files that this protocol does not write; hidden ones are nobody's."""
    ours = (SUCCESS, _REJECTS)
    for path in sorted(folder.glob("*")):
        if path.name not in ours and not path.name.startswith(".") and not _NAME.fullmatch(path.name):
            raise UserMistake(f"{folder}: holds other files ({path.name}); give a new folder as --out")


def discard(folder: Path) -> None:
    """Remove the parts of a folder and all that goes with them, and the folder if nothing else stands there."""
    (folder / SUCCESS).unlink(missing_ok=True)  # first: what is half removed must not look finished
    shutil.rmtree(folder / _REJECTS, ignore_errors=True)
    for path in folder.glob("*part-*"):
        path.unlink()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _committed(folder: Path, number: int, suffix: str, write: Callable[[Path], None]) -> Path:
    temporary = folder / f".part-{number:06d}.tmp"
    try:
        write(temporary)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        path = folder / f"part-{number:06d}-{digest[:_DIGITS]}.{suffix}"
        temporary.replace(path)
        sync_folder(folder)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path


def _write(path: Path, rejects: list[Reject]) -> None:
    with RejectWriter(path) as writer:
        for reject in rejects:
            writer.write(reject)


def _refuse_damaged(path: Path, part: Path) -> None:
    sound = path.is_file() and sha256_file(path)[:_DIGITS] == path.stem.rsplit("-", 1)[-1]
    if not sound:
        fault = "its bytes are not those that were written" if path.exists() else "it is gone"
        also = f" and {SUCCESS}" if (part.parent / SUCCESS).exists() else ""
        raise UserMistake(
            f"{path}: is damaged ({fault}); remove {part.name}{also} there, and the same command scores its rows anew; "
            "or give --force to begin anew"
        )


def _short(value: str | None) -> str:
    return value[:12] if value and re.fullmatch(r"[0-9a-f]{64}", value) else value or "none"
