"""Results as one self-contained HTML page: no network, no script but its own, every text escaped."""

import base64
import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from ukraine_stance.evaluation.base_rate import FieldFigures
from ukraine_stance.evaluation.curve_figures import (
    ReliabilitySeries,
    RiskSeries,
    reliability_plot,
    risk_coverage_plot,
)
from ukraine_stance.evaluation.curves import Bin, Curves
from ukraine_stance.evaluation.errors import Disagreements, DoubtedLabels
from ukraine_stance.evaluation.figures import (
    COLOURS,
    SHAPES,
    UNIT_SCALE,
    Scale,
    Whisker,
    scale_around_zero,
    short_names,
    whisker_plot,
)
from ukraine_stance.evaluation.listing import beginning, clean, list_statements
from ukraine_stance.evaluation.metrics import METRICS
from ukraine_stance.evaluation.reliability import RELIABILITY, RELIABILITY_WORDS
from ukraine_stance.evaluation.results import Comparison, Evaluation, PartResult
from ukraine_stance.evaluation.slices import worst
from ukraine_stance.evaluation.uncertainty import Estimate
from ukraine_stance.labels import ORDER, TARGET

_HEADLINE = {
    "macro_f1": ("macro-F1", "mean of the F1 of favor, against and neutral; each counts the same"),
    "favor_against_f1": ("mean F1 favor+against", "mean of the F1 of the two sides; neutral counts by its mistakes"),
    "accuracy": ("accuracy", "share of statements whose label is right"),
}

_WORST = 10
_LISTED = 25


@dataclass(frozen=True, slots=True)
class _Panel:
    """A plot with its title and what its figure means."""

    title: str
    meaning: str
    plot: Markup


@dataclass(frozen=True, slots=True)
class _Cell:
    """An estimate in words; `key` is what a table sorts by, None where the figure is undefined."""

    value: str
    interval: str
    key: float | None

    @classmethod
    def of(cls, estimate: Estimate, in_points: bool = False) -> "_Cell":
        """Three decimals; in points, for differences, hundred times as many with a sign and one decimal."""
        if math.isnan(estimate.value):
            return cls("undefined", "", None)
        shown = _signed_points if in_points else _three_decimals
        interval = "[no interval]"
        if not math.isnan(estimate.low):
            interval = f"[{shown(estimate.low)}, {shown(estimate.high)}]".replace("+", "")
        return cls(shown(estimate.value), interval, estimate.value)

    def __str__(self) -> str:
        return f"{self.value} {self.interval}".strip()


@dataclass(frozen=True, slots=True)
class _Model:
    """How a model is named and drawn; `colour` is a class of the style sheet, the counts are over all parts."""

    name: str
    model_id: str
    colour: str
    shape: str
    abstained: int
    truncated: int

    @property
    def remarks(self) -> str:
        """Where its answers are not whole, in words; empty where they all are."""
        counted = [
            f"{words} {_statements(count)}"
            for words, count in (("abstains on", self.abstained), ("reads only the beginning of", self.truncated))
            if count
        ]
        return " and ".join(counted)


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of a name and a cell for each model."""

    rows: list[tuple[str, list[_Cell]]]


@dataclass(frozen=True, slots=True)
class _Confidence:
    """What the page says about confidence on one part; bins are each model's, `counted` a sentence for each."""

    part: str
    panels: list[_Panel]
    by_label: list[_Panel]
    bins: list[list[tuple[Bin, _Cell]]]
    selective: _Table
    field: _Table
    counted: list[str]


@dataclass(frozen=True, slots=True)
class _Part:
    """What the page says about one part; results are in the order of the models."""

    name: str
    results: list[PartResult]
    comparisons: list[Comparison]
    headline: list[_Panel]
    differences: list[_Panel]
    notices: list[str]


def render(found: Evaluation, mark: str, results_file: str, predictions_file: str) -> str:
    """The page; `mark` tells it from pages of others, the two files lie beside it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ukraine_stance", "evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": lambda count: f"{count:,}",
        "share": lambda part, whole: f"{part / whole:.0%}" if whole else "none",
        "shade": lambda part, whole: round(10 * part / whole) if whole else 0,
        "sha256": lambda text: base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode(),
        "zip": lambda first, second: zip(first, second, strict=True),
        "words": _words,
        "cell": lambda estimate: _Cell.of(estimate),
        "points_cell": lambda estimate: _Cell.of(estimate, in_points=True),
    }
    files = {"mark": mark, "results_file": results_file, "predictions_file": predictions_file}
    return clean(environment.get_template("page.html.j2").render({**files, **_context(found)}))


def _context(found: Evaluation) -> dict[str, Any]:
    parts = [_part(found, name) for name in found.rows]
    listing = list_statements(found)
    target = _target_words(found)
    models = _models(found)
    part_column = ["part"] if len(parts) > 1 else []
    return {
        "models": models,
        "title": f"Stance toward {target}: {', '.join(found.names)}",
        "target": target,
        "level": f"{100 * found.results[0].level:g} %",
        "parts": parts,
        "confidence": [_confidence(found, name) for name in found.curves],
        "thresholds": _thresholds(found),
        "field": _field_words(found),
        "notices": [
            *found.warnings,
            *_unreached(found),
            *(f"{part.name}: {notice}" for part in parts for notice in part.notices),
        ],
        "metrics": list(METRICS),
        "order": [str(label) for label in ORDER],
        "listing": listing,
        "disagreements": [_differing(found, pair) for pair in found.disagreements],
        "doubted": [_doubted(found, one) for one in found.doubted if one.listed],
        "explained": sum(map(len, found.explanations.values())),
        "methods": _methods(found),
        "behaviour": _suites(found),
        "repeats": found.repeats,
        "repeat_comparisons": found.repeat_comparisons,
        "headline": list(_HEADLINE),
        "slices": _slices(found),
        "worst": _worst(found),
        "shortcuts": _shortcuts(found),
        "reliability": list(RELIABILITY),
        "columns": ["id", *part_column, "statement", "gold", *(f"confidence of {name}" for name in found.names)],
    }


def _slices(found: Evaluation) -> list[dict[str, Any]]:
    """Each column of each part with its values, in the order of the first model's."""
    by_model = [{(one.part, one.column, one.value): one for one in slices} for slices in found.slices]
    tables: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for key, first in by_model[0].items() if by_model else ():
        cells = [_Cell.of(figure) for own in by_model for figure in (own[key].accuracy, own[key].macro_f1)]
        row = {"value": first.value, "statements": first.statements, "groups": first.groups, "cells": cells}
        tables.setdefault((first.part, first.column), []).append(row)
    return [{"part": part, "column": column, "rows": rows} for (part, column), rows in tables.items()]


def _worst(found: Evaluation) -> list[dict[str, Any]]:
    """The slices where the first model is most surely weak, with every model's figures."""
    if not found.slices:
        return []
    by_model = [{(one.part, one.column, one.value): one for one in slices} for slices in found.slices]
    rows = []
    for first in worst(found.slices[0], _WORST):
        own = [of_model[first.part, first.column, first.value] for of_model in by_model]
        cells = [_Cell.of(figure) for one in own for figure in (one.accuracy, one.macro_f1)]
        about = {name: getattr(first, name) for name in ("part", "column", "value", "statements", "groups")}
        rows.append({**about, "cells": cells})
    return rows


def _differing(found: Evaluation, pair: Disagreements) -> dict[str, Any]:
    """Two families on one part, with the statements on which both are surest."""
    texts = found.rows[pair.part]["text"]
    listed = [(one, beginning(clean(str(texts.iloc[one.row])))) for one in pair.listed[:_LISTED]]
    return {"pair": pair, "listed": listed, "apart": len(pair.listed)}


def _doubted(found: Evaluation, doubted: DoubtedLabels) -> dict[str, Any]:
    texts = found.rows[doubted.part]["text"]
    listed = [(one, beginning(clean(str(texts.iloc[one.row])))) for one in doubted.listed[:_LISTED]]
    return {"doubted": doubted, "listed": listed}


def _methods(found: Evaluation) -> list[str]:
    """How each model's words were weighed; the model is named where there are several ways."""
    first = next((of_models for of_part in found.explanations.values() for of_models in of_part.values()), ())
    methods = list(dict.fromkeys(explanation.method for explanation in first))
    if len(methods) < 2:
        return methods
    return [f"{name}: {explanation.method}" for name, explanation in zip(found.names, first, strict=True)]


def _shortcuts(found: Evaluation) -> list[dict[str, Any]]:
    """Each probe on each part with every model's score, loss and kept answers."""
    rows = []
    for of_models in zip(*found.shortcuts, strict=True):
        first = of_models[0]
        cells = [_Cell.of(figure) for one in of_models for figure in (one.macro_f1, one.drop, one.kept)]
        about = {name: getattr(first, name) for name in ("part", "probe", "about", "changed", "keeps_gold")}
        rows.append({**about, "cells": cells})
    return rows


def _suites(found: Evaluation) -> list[dict[str, Any]]:
    """Each suite with what every model did on it."""
    return [
        {
            **{name: getattr(row[0], name) for name in ("name", "kind", "about", "cases")},
            "results": [
                {"cell": _Cell.of(Estimate(one.rate, one.low, one.high)), "failures": one.failures} for one in row
            ],
        }
        for row in zip(*found.behaviour, strict=True)
    ]


_SELECTIVE = {
    "coverage": "share answered",
    "accuracy": "right of these",
    "macro_f1": "macro-F1 of these",
    "field_coverage": "share answered in the field",
    "field_accuracy": "right of these in the field",
}


def _confidence(found: Evaluation, part: str) -> _Confidence:
    curves, figures = found.curves[part], found.in_field[part]
    names = short_names(found.names)
    risk = [
        RiskSeries(name, one.risk_coverage, one.aurc, series, _chosen(one))
        for series, (name, one) in enumerate(zip(names, curves, strict=True))
    ]
    stated = reliability_plot(
        _bins_of_models(names, [one.reliability for one in curves]),
        "confidence",
        "share right",
        f"reliability on {part}",
    )
    panels = [
        _Panel(
            "Reliability",
            "On the line a confidence of 0.8 is right in eight of ten; below it, too sure.",
            Markup(stated),
        ),
        _Panel(
            "Risk and coverage",
            "Mistakes among what is answered when the least confident statements are left out.",
            Markup(risk_coverage_plot(risk, f"risk and coverage on {part}")),
        ),
    ]
    by_label = [
        _Panel(
            str(label),
            f"The probability of {label}, and how often it is.",
            Markup(
                reliability_plot(
                    _bins_of_models(names, [one.by_label[label] for one in curves]),
                    f"probability of {label}",
                    f"share that is {label}",
                    f"reliability of {label} on {part}",
                )
            ),
        )
        for label in ORDER
    ]
    selective = [(words, [_Cell.of(one.selective[name]) for one in curves]) for name, words in _SELECTIVE.items()]
    selective.append(("area under risk and coverage", [_Cell.of(one.aurc) for one in curves]))
    measured = [
        *(
            (f"predicted_{label}", f"{label} by counting, where it is {share:.3f}")
            for label, share in _shares(figures[0])
        ),
        *((name, _words(name)) for name in (*(f"precision_{label}" for label in ORDER), "accuracy", "macro_f1")),
    ]
    field = [(words, [_Cell.of(one.estimates[name]) for one in figures]) for name, words in measured]
    return _Confidence(
        part=part,
        panels=panels,
        by_label=by_label,
        bins=[[(one, _Cell.of(one.observed)) for one in of_model.reliability] for of_model in curves],
        selective=_Table(selective),
        field=_Table(field),
        counted=[_counted(one) for one in figures],
    )


def _bins_of_models(names: Sequence[str], bins: Sequence[Sequence[Bin]]) -> list[ReliabilitySeries]:
    return [ReliabilitySeries(name, one, series) for series, (name, one) in enumerate(zip(names, bins, strict=True))]


def _chosen(curves: Curves) -> tuple[float, float] | None:
    """Coverage and risk of the model's threshold; None where it never abstains, or always does."""
    coverage, right = curves.selective["coverage"].value, curves.selective["accuracy"].value
    return (coverage, 1 - right) if curves.threshold > 0 and not math.isnan(right) else None


def _shares(figures: FieldFigures) -> Iterator[tuple[str, float]]:
    return zip(map(str, ORDER), figures.shares, strict=True)


def _field_words(found: Evaluation) -> str:
    first = next(iter(found.in_field.values()), None)
    return ", ".join(f"{_percent(share)} {label}" for label, share in _shares(first[0])) if first else ""


def _counted(figures: FieldFigures) -> str:
    """What a model that counts its answers would report in the field; empty where that is undefined."""
    counted = {label: figures.estimates[f"predicted_{label}"].value for label, _ in _shares(figures)}
    if any(math.isnan(share) for share in counted.values()):
        return ""
    said = [f"{_percent(counted[label])} {label} where it is {_percent(share)}" for label, share in _shares(figures)]
    return f"would report {', '.join(said[:-1])} and {said[-1]}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _thresholds(found: Evaluation) -> list[str]:
    """For each model when it abstains, and how that was chosen."""
    if not found.curves:
        return []
    said = []
    for one, choice in zip(next(iter(found.curves.values())), found.choices, strict=True):
        when = f"abstains where its confidence is below {one.threshold:.3f}" if one.threshold > 0 else "never abstains"
        said.append(f"{when}; {choice.words}" if choice else when)
    return said


def _unreached(found: Evaluation) -> list[str]:
    named = zip(found.names, found.choices, strict=False)
    return [f"{name}: {choice.words}" for name, choice in named if choice and not choice.reached]


def _target_words(found: Evaluation) -> str:
    columns = [rows["target"] for rows in found.rows.values() if "target" in rows]
    targets = list(dict.fromkeys(str(target) for column in columns for target in column)) or [TARGET]
    return " or ".join(targets) if len(targets) < 4 else f"{targets[0]} or one of {len(targets) - 1} other targets"


def _models(found: Evaluation) -> list[_Model]:
    models = []
    for number, (name, model_id) in enumerate(zip(found.names, found.model_ids, strict=True)):
        predictions = pd.concat([of_part[number] for of_part in found.predictions.values()])
        models.append(
            _Model(
                name=name,
                model_id=model_id,
                colour=f"m{number % COLOURS}",
                shape=SHAPES[number % len(SHAPES)][1],
                abstained=int((~predictions["stance"].isin(list(ORDER))).sum()),
                truncated=int(predictions["truncated"].sum()),
            )
        )
    return models


def _part(found: Evaluation, name: str) -> _Part:
    results = [result for result in found.results if result.part == name]
    comparisons = [one for one in found.comparisons if one.part == name]
    return _Part(
        name=name,
        results=results,
        comparisons=comparisons,
        headline=_headline_panels(found.names, name, results),
        differences=_difference_panels(found.names, name, comparisons),
        notices=list(dict.fromkeys(note for result in results for note in result.notes)),
    )


def _headline_panels(names: Sequence[str], part: str, results: list[PartResult]) -> list[_Panel]:
    panels = []
    for metric, (title, meaning) in _HEADLINE.items():
        found = [result.estimates[metric] for result in results]
        rows = [
            Whisker(name, str(_Cell.of(one)), one, series)
            for series, (name, one) in enumerate(zip(short_names(names), found, strict=True))
        ]
        panels.append(_panel(title, meaning, rows, UNIT_SCALE, f"{title} on {part}"))
    return panels


def _difference_panels(names: Sequence[str], part: str, comparisons: list[Comparison]) -> list[_Panel]:
    if not comparisons:
        return []
    short = {
        name: f"{SHAPES[number % len(SHAPES)][1]} {label}"
        for number, (name, label) in enumerate(zip(names, short_names(names, 18), strict=True))
    }
    found = {metric: [_in_points(one.differences[metric]) for one in comparisons] for metric in _HEADLINE}
    scale = scale_around_zero([one for row in found.values() for one in row])
    panels = []
    for metric, (title, _) in _HEADLINE.items():
        rows = [
            Whisker(
                label=f"{short[pair.second]} − {short[pair.first]}",
                words=str(_Cell.of(pair.differences[metric], in_points=True)),
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
    if metric in RELIABILITY:
        return RELIABILITY_WORDS[metric]
    kind, label = metric.rsplit("_", 1)
    return f"{kind.replace('f1', 'F1')} of {label}"


def _statements(count: int) -> str:
    return f"{count:,} statement" + "s" * (count != 1)


def _three_decimals(share: float) -> str:
    return f"{share:.3f}"


def _signed_points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
