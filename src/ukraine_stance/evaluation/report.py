"""The page of an evaluation: one self-contained HTML file, with the same figures and predictions as data beside it."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.listing import clean
from ukraine_stance.evaluation.page import render
from ukraine_stance.evaluation.results import Evaluation
from ukraine_stance.files import read_json, replacing, replacing_folder, write_text

PAGE = "index.html"
RESULTS = "results.json"
PREDICTIONS = "predictions.parquet"

# Stands in each of the three files, so that only files of ours are ever replaced.
_MARK = "ukraine-stance evaluation 1"
_MARK_KEY = b"ukraine_stance"

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("part", "id", "text", "group", "label", "model", "stance")),
        *((name, pa.float64()) for name in (*PROBABILITY_COLUMNS, "confidence")),
    ],
    metadata={_MARK_KEY: _MARK.encode()},
)


def write_page(found: Evaluation, folder: Path, force: bool) -> Path:
    """Write index.html, results.json and predictions.parquet into the folder; gives the page's path.

    All three appear or none does, and other files of the folder stay as they are; a process killed while it replaces a
    page may leave the folder without one. Raises UserMistake as `check_folder` does, and where writing fails.
    """
    check_folder(folder, force)
    page = render(found, _MARK, RESULTS, PREDICTIONS)
    writers: dict[str, Callable[[Path], None]] = {
        PAGE: lambda path: write_text(path, page),
        RESULTS: lambda path: write_text(path, _results(found)),
        PREDICTIONS: lambda path: _write_predictions(found, path),
    }
    try:
        if folder.exists():
            _replace_files(folder, writers)
        else:
            with replacing_folder(folder) as temporary:
                for name, write in writers.items():
                    write(temporary / name)
    except OSError as fault:
        raise UserMistake(f"{folder}: cannot be written ({fault.strerror or fault}); give another --out") from fault
    return folder / PAGE


def check_folder(folder: Path, force: bool) -> None:
    """Raise UserMistake where a page cannot go: on a file, beside a page of ours without force, on files not ours."""
    if folder.exists() and not folder.is_dir():
        raise UserMistake(f"{folder}: is a file; give a folder as --out")
    wanted = [folder / name for name in (PAGE, RESULTS, PREDICTIONS)]
    there = [path for path in wanted if path.exists() or path.is_symlink()]
    for path in there:
        if not _is_ours(path):
            raise UserMistake(f"{path}: exists and was not written with such a page; move it or give another --out")
    if there and not force:
        raise UserMistake(f"{folder}: holds a page of results already; give another --out, or --force to replace it")


def _replace_files(folder: Path, writers: dict[str, Callable[[Path], None]]) -> None:
    with ExitStack() as files:
        # Left in reverse order: the page is renamed last, and nothing is before all three are written.
        for name, write in writers.items():
            write(files.enter_context(replacing(folder / name)))
        # From here a killed process leaves no page rather than one beside the data of another.
        (folder / PAGE).unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    try:
        if path.name == PAGE:
            with path.open(encoding="utf-8") as stream:
                return f'name="generator" content="{_MARK}"' in stream.read(4096)
        if path.name == RESULTS:
            return bool(read_json(path)["format"] == _MARK)
        return bool((pq.read_schema(path).metadata or {}).get(_MARK_KEY) == _MARK.encode())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _results(found: Evaluation) -> str:
    plain = {"format": _MARK, **found.as_dict()}
    return clean(json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def _write_predictions(found: Evaluation, path: Path) -> None:
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for part, rows in found.rows.items():
            about = {name: [clean(str(value)) for value in rows[name]] for name in ("id", "text", "group", "label")}
            for model, predictions in zip(found.names, found.predictions[part], strict=True):
                same = {"part": [clean(part)] * len(rows), "model": [clean(model)] * len(rows)}
                names = ("stance", *PROBABILITY_COLUMNS, "confidence")
                writer.write_table(pa.table({**about, **same, **{n: list(predictions[n]) for n in names}}, _SCHEMA))
