"""Results as tables for a terminal."""

import math
from collections.abc import Iterator, Sequence

from rich.table import Table

from ukraine_stance.evaluation.results import Comparison, PartResult
from ukraine_stance.evaluation.uncertainty import Estimate
from ukraine_stance.labels import ORDER

_HEADLINE = {"macro_f1": "macro-F1", "favor_against_f1": "mean F1 favor+against", "accuracy": "accuracy"}


def result_tables(results: Sequence[PartResult], names: dict[str, str]) -> Iterator[Table | str]:
    """For each result its metrics with intervals, its confusion matrix and its notes; names maps model ids."""
    for result in results:
        name = names.get(result.model_id, result.model_id)
        title = f"{name} on {result.part}: {result.statements} statements, {result.groups} groups"
        yield _metrics_table(result, title)
        yield _confusion_table(result)
        yield from (f"note: {note}" for note in result.notes)


def summary_table(results: Sequence[PartResult], names: dict[str, str]) -> Iterator[Table | str]:
    """One row for each model and part, then every note once."""
    table = Table(caption=f"intervals: {results[0].level:.0%}, groups resampled", caption_justify="left")
    for heading in ("model", "part", "statements", "groups", *_HEADLINE.values()):
        table.add_column(heading, no_wrap=True)
    for result in results:
        figures = (shown(result.estimates[name]) for name in _HEADLINE)
        name = names.get(result.model_id, result.model_id)
        table.add_row(name, result.part, str(result.statements), str(result.groups), *figures)
    yield table
    yield from dict.fromkeys(f"note: {result.part}: {note}" for result in results for note in result.notes)


def comparison_lines(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """The verdict of each comparison."""
    yield from (f"{found.part}: {found.verdict}" for found in comparisons)


def shown(estimate: Estimate) -> str:
    """A figure with its interval: `0.612 [0.550, 0.671]`."""
    if math.isnan(estimate.value):
        return "undefined"
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f} [no interval]"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _metrics_table(result: PartResult, title: str) -> Table:
    table = Table(title=title, title_justify="left", caption=f"intervals: {result.level:.0%}, groups resampled")
    for heading in ("metric", "all", *ORDER):
        table.add_column(str(heading), no_wrap=True)
    for name, words in _HEADLINE.items():
        table.add_row(words, shown(result.estimates[name]))
    for name in ("precision", "recall", "f1"):
        table.add_row(name, "", *(shown(result.estimates[f"{name}_{label}"]) for label in ORDER))
    table.add_row("gold statements", str(result.statements), *(str(result.gold_counts[label]) for label in ORDER))
    return table


def _confusion_table(result: PartResult) -> Table:
    table = Table(title="confusion matrix", title_justify="left")
    for heading in ("gold \\ predicted", *ORDER):
        table.add_column(str(heading), no_wrap=True)
    for label, row in zip(ORDER, result.confusion, strict=True):
        table.add_row(str(label), *map(str, row))
    return table
