"""The folder of a cross-validation: what was asked of which data, and each round's predictions once it is done."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance import runs
from ukraine_stance.classifier import OUTPUT_COLUMNS, PROBABILITY_COLUMNS
from ukraine_stance.differences import difference
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json, replacing, replacing_folder, sha256_json, write_json
from ukraine_stance.runs import Run

_FORMAT = "ukraine-stance cross-validation 1"
_ASKED = "question.json"  # not that of a training, which --resume would go on with
_RESULTS = "results.json"
_KEY = b"ukraine_stance_fingerprint"
_FACTS = b"ukraine_stance_facts"

_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("stance", pa.string()),
        *((name, pa.float64()) for name in (*PROBABILITY_COLUMNS, "confidence")),
        ("truncated", pa.bool_()),
        ("model_id", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Rounds:
    """A folder whose files are written whole; results.json is written last: with it all is done.

    fingerprint names everything that the predictions and figures depend on.
    """

    folder: Path
    fingerprint: str

    @property
    def results(self) -> Path:
        """Figures of the rounds and of all together."""
        return self.folder / _RESULTS

    @property
    def run(self) -> Run:
        """Config, provenance, predictions, page and mirror stand where a training run has them."""
        return Run(self.folder)

    @property
    def workspace(self) -> Path:
        """The model of the round under way and its checkpoints; gone when the round is done."""
        return self.folder / "work"

    def keep(self, number: int, ids: list[str], scores: pd.DataFrame, facts: dict[str, Any]) -> None:
        """Store a finished round: the classifier's columns for every tested id, and the facts of its fit."""
        marks = {_KEY: self.fingerprint.encode(), _FACTS: json.dumps(facts).encode()}
        columns = {"id": ids, **{name: list(scores[name]) for name in OUTPUT_COLUMNS}}
        with replacing(self._round(number)) as temporary:
            pq.write_table(pa.table(columns, _SCHEMA.with_metadata(marks)), temporary, compression="zstd")

    def is_done(self, number: int) -> bool:
        """Whether the round was kept."""
        return self._round(number).exists()

    def read(self, number: int, ids: list[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Columns and facts that `keep` stored of a round that tests these ids.

        Raises UserMistake when the file is damaged or of another cross-validation.
        """
        path = self._round(number)
        try:
            table = pq.read_table(path)
            marks = table.schema.metadata or {}
            if marks.get(_KEY) == self.fingerprint.encode() and table.column("id").to_pylist() == ids:
                return table.to_pandas()[list(OUTPUT_COLUMNS)], json.loads(marks[_FACTS])
        except (pa.ArrowException, OSError, KeyError):
            pass
        raise UserMistake(f"{path}: damaged, or no round of this cross-validation; remove it and go on")

    def _round(self, number: int) -> Path:
        return self.folder / "rounds" / f"{number}.parquet"


def open_rounds(folder: Path, asked: dict[str, Any], origin: tuple[str, dict[str, Any], Path], force: bool) -> Rounds:
    """The folder of what is asked, made where there is none; one of the same that was begun there is gone on with.

    asked holds plain values that decide every figure; origin is the config as YAML, the data's facts and the project's
    root. With force, a folder that is finished or was asked something else is begun anew. Raises UserMistake without
    it where something else was asked, saying what, and always where the folder is none of ours.
    """
    rounds = Rounds(folder, sha256_json(asked))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        there = _asked_in(folder)
        if there == asked and not (force and rounds.results.exists()):
            return rounds
        if not force:
            raise UserMistake(
                f"{folder}: holds a cross-validation of something else ({difference(there, asked)}); "
                "give another --out, or --force to replace it"
            )
    with replacing_folder(folder) as temporary:
        runs.record_origin(temporary, *origin)
        write_json(temporary / _ASKED, {"format": _FORMAT, "asked": asked})
    return rounds


def _asked_in(folder: Path) -> dict[str, Any]:
    try:
        found = read_json(folder / _ASKED)
        if found["format"] == _FORMAT:
            return dict(found["asked"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UserMistake(f"{folder}: exists and is no cross-validation; give another --out")
