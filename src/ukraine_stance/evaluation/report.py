"""The page of an evaluation: one self-contained HTML file, with the same figures and predictions as data beside it."""

import base64
import hashlib
import json
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq
from markupsafe import Markup

from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.figures import (
    COLOURS,
    SHAPES,
    UNIT_SCALE,
    Scale,
    Whisker,
    scale_around_zero,
    shortened,
    whisker_plot,
)
from ukraine_stance.evaluation.listing import clean, list_statements
from ukraine_stance.evaluation.metrics import METRICS
from ukraine_stance.evaluation.results import Comparison, Evaluation, PartResult
from ukraine_stance.evaluation.uncertainty import Estimate
from ukraine_stance.files import read_json, replacing, replacing_folder, write_json, write_text
from ukraine_stance.labels import ORDER, TARGET

PAGE = "index.html"
RESULTS = "results.json"
PREDICTIONS = "predictions.parquet"

# Stands in each of the three files, so that only files of ours are ever replaced.
_MARK = "ukraine-stance evaluation 1"
_MARK_KEY = b"ukraine_stance"

_HEADLINE = {
    "macro_f1": ("macro-F1", "mean of the F1 of favor, against and neutral; each counts the same"),
    "favor_against_f1": ("mean F1 favor+against", "mean of the F1 of the two sides; neutral counts by its mistakes"),
    "accuracy": ("accuracy", "share of statements whose label is right"),
}

_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("part", "id", "text", "group", "label", "model", "stance")),
        *((name, pa.float64()) for name in (*PROBABILITY_COLUMNS, "confidence")),
    ],
    metadata={_MARK_KEY: _MARK.encode()},
)


@dataclass(frozen=True, slots=True)
class _Panel:
    """A plot with its title and what its figure means."""

    title: str
    meaning: str
    plot: Markup


@dataclass(frozen=True, slots=True)
class _Model:
    """How a model is named and drawn; `colour` is a class of the style sheet."""

    name: str
    model_id: str
    colour: str
    shape: str


@dataclass(frozen=True, slots=True)
class _Part:
    """What the page says about one part; results are in the order of the models."""

    name: str
    results: list[PartResult]
    comparisons: list[Comparison]
    headline: list[_Panel]
    differences: list[_Panel]
    notices: list[str]


def write_page(found: Evaluation, folder: Path, force: bool) -> Path:
    """Write index.html, results.json and predictions.parquet into the folder; gives the page's path.

    All three appear or none does, the page last; other files of the folder stay as they are. Raises UserMistake as
    `check_folder` does, and for a folder that cannot be written.
    """
    check_folder(folder, force)
    page = _page(found)
    writers: dict[str, Callable[[Path], None]] = {
        PAGE: lambda path: write_text(path, page),
        RESULTS: lambda path: write_json(path, {"format": _MARK, **found.as_dict()}),
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
    there = [path for path in (folder / name for name in (PAGE, RESULTS, PREDICTIONS)) if path.exists()]
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
        # From here a killed process leaves a folder without a page, never a page with another one's data.
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


def _write_predictions(found: Evaluation, path: Path) -> None:
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        for part, rows in found.rows.items():
            about = {name: [clean(str(value)) for value in rows[name]] for name in ("id", "text", "group", "label")}
            for model, predictions in zip(found.names, found.predictions[part], strict=True):
                same = {"part": [clean(part)] * len(rows), "model": [clean(model)] * len(rows)}
                names = ("stance", *PROBABILITY_COLUMNS, "confidence")
                writer.write_table(pa.table({**about, **same, **{n: list(predictions[n]) for n in names}}, _SCHEMA))


def _page(found: Evaluation) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ukraine_stance", "evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda value: f"{value:,}",
        "share": _share,
        "shade": lambda part, whole: round(10 * part / whole) if whole else 0,
        "sha256": lambda text: base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode(),
    }
    template = environment.get_template("page.html.j2")
    return clean(template.render(_context(found)))


def _context(found: Evaluation) -> dict[str, Any]:
    parts = [_part(found, name) for name in found.rows]
    listing = list_statements(found)
    return {
        "mark": _MARK,
        "models": _models(found),
        "targets": sorted({str(target) for rows in found.rows.values() for target in rows.get("target", [TARGET])}),
        "level": f"{100 * found.results[0].level:g} %",
        "parts": parts,
        "notices": [*found.warnings, *(f"{part.name}: {notice}" for part in parts for notice in part.notices)],
        "metrics": {name: _words(name) for name in METRICS},
        "order": [str(label) for label in ORDER],
        "listing": listing,
        "value_text": _value,
        "interval_text": _interval,
        "points_text": _points,
        "points_interval_text": _points_interval,
        "json": json,
        "is_defined": lambda number: not math.isnan(number),
    }


def _models(found: Evaluation) -> list[_Model]:
    named = enumerate(zip(found.names, found.model_ids, strict=True))
    return [_Model(name, key, f"m{n % COLOURS}", SHAPES[n % len(SHAPES)][1]) for n, (name, key) in named]


def _part(found: Evaluation, name: str) -> _Part:
    results = [result for result in found.results if result.part == name]
    comparisons = [one for one in found.comparisons if one.part == name]
    return _Part(
        name=name,
        results=results,
        comparisons=comparisons,
        headline=_headline_panels(found.names, name, results),
        differences=_difference_panels(name, comparisons),
        notices=[*dict.fromkeys(note for result in results for note in result.notes), *_row_notices(found, name)],
    )


def _row_notices(found: Evaluation, part: str) -> list[str]:
    """What the rows themselves tell: answers withheld and texts cut, by model."""
    notices = []
    for model, predictions in zip(found.names, found.predictions[part], strict=True):
        abstained = int((~predictions["stance"].isin(list(ORDER))).sum())
        if abstained:
            notices.append(f"{model} abstains on {abstained:,} statements; its most probable label is counted there")
        truncated = int(predictions["truncated"].sum()) if "truncated" in predictions else 0
        if truncated:
            notices.append(f"{model} read only the beginning of {truncated:,} statements, which are too long for it")
    return notices


def _headline_panels(names: tuple[str, ...], part: str, results: list[PartResult]) -> list[_Panel]:
    panels = []
    for metric, (title, meaning) in _HEADLINE.items():
        found = [result.estimates[metric] for result in results]
        rows = [
            Whisker(name, f"{_value(one)} {_interval(one)}".strip(), one, series)
            for series, (name, one) in enumerate(zip(names, found, strict=True))
        ]
        panels.append(_panel(title, meaning, rows, UNIT_SCALE, f"{title} on {part}"))
    return panels


def _difference_panels(part: str, comparisons: list[Comparison]) -> list[_Panel]:
    if not comparisons:
        return []
    found = {metric: [_in_points(one.differences[metric]) for one in comparisons] for metric in _HEADLINE}
    scale = scale_around_zero([one for row in found.values() for one in row])
    panels = []
    for metric, (title, _) in _HEADLINE.items():
        rows = [
            Whisker(
                label=f"{shortened(pair.second, 12)} − {shortened(pair.first, 12)}",
                words=f"{_points(pair.differences[metric])} {_points_interval(pair.differences[metric])}".strip(),
                estimate=one,
                hollow=not (one.low > 0 or one.high < 0),
            )
            for pair, one in zip(comparisons, found[metric], strict=True)
        ]
        panels.append(_panel(title, "difference in points", rows, scale, f"difference in {title} on {part}, in points"))
    return panels


def _panel(title: str, meaning: str, rows: list[Whisker], scale: Scale, name: str) -> _Panel:
    return _Panel(title, meaning, Markup(whisker_plot(rows, scale, name)))


def _in_points(estimate: Estimate) -> Estimate:
    return Estimate(100 * estimate.value, 100 * estimate.low, 100 * estimate.high)


def _words(metric: str) -> str:
    if metric in _HEADLINE:
        return _HEADLINE[metric][0]
    kind, label = metric.rsplit("_", 1)
    return f"{kind.replace('f1', 'F1')} of {label}"


def _value(estimate: Estimate) -> str:
    return "undefined" if math.isnan(estimate.value) else f"{estimate.value:.3f}"


def _interval(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return ""
    return "[no interval]" if math.isnan(estimate.low) else f"[{estimate.low:.3f}, {estimate.high:.3f}]"


def _points(estimate: Estimate) -> str:
    return "undefined" if math.isnan(estimate.value) else _signed(estimate.value)


def _points_interval(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return ""
    return "[no interval]" if math.isnan(estimate.low) else f"[{_signed(estimate.low)}, {_signed(estimate.high)}]"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"
