"""Results as tables for a terminal."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from ukraine_stance.evaluation.agreement import Agreement
from ukraine_stance.evaluation.reliability import RELIABILITY_WORDS
from ukraine_stance.evaluation.results import Comparison, Evaluation, PartResult, results_of
from ukraine_stance.evaluation.slices import worst
from ukraine_stance.evaluation.uncertainty import ENOUGH_GROUPS, Estimate
from ukraine_stance.labels import ORDER

_AGREEMENT = {
    "alpha": "Krippendorff's alpha",
    "agreement": "equal votes",
    "ceiling_macro_f1": "macro-F1, one coder against the others",
}
_WORST = 5
_HEADLINE = {"macro_f1": "macro-F1", "favor_against_f1": "mean F1 favor+against", "accuracy": "accuracy"}


def result_tables(results: Sequence[PartResult], names: dict[str, str]) -> Iterator[Table | str]:
    """For each result its metrics with intervals, its confusion matrix and its notes; names maps model ids."""
    for result in results:
        name = names.get(result.model_id, result.model_id)
        title = f"{name} on {result.part}: {result.statements} statements, {result.groups} groups"
        yield _metrics_table(result, title)
        yield _confusion_table(result)
        yield from (f"note: {note}" for note in (*result.notes, ceiling_words(result)))


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
    noted = ((result.part, note) for result in results for note in (*result.notes, ceiling_words(result)))
    yield from dict.fromkeys(f"note: {part}: {note}" for part, note in noted)


def worst_slices_table(found: Evaluation) -> Iterator[Table | str]:
    """Where one model is most surely weak, over all columns of its first part; nothing for several models."""
    if len(found.names) > 1 or not found.slices:
        return
    part = found.results[0].part
    caption = "by the upper end of the interval; --by COLUMN prints every value, the page all columns"
    table = Table(title=f"worst slices of {part}", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("column", "value", "statements", "groups", "accuracy", "macro-F1"):
        table.add_column(heading, no_wrap=heading != "value")
    for one in worst([one for one in found.slices[0] if one.part == part], _WORST):
        figures = (shown(one.accuracy), shown(one.macro_f1))
        table.add_row(one.column, one.value, str(one.statements), str(one.groups), *figures)
    yield table


def cross_validation_tables(results: dict[str, Any]) -> Iterator[Table | str]:
    """A row for each round and, of several, one for all together and one for their spread; then every note."""
    found = results_of({"parts": results["rounds"]})
    if len(found) > 1:
        found += results_of({"parts": [results["together"]]})
    table = Table(caption=f"intervals: {found[0].level:.0%}, groups resampled", caption_justify="left")
    for heading in ("tested", "trained on", "statements", "groups", *_HEADLINE.values()):
        table.add_column(heading, no_wrap=True)
    trained_on = [str(fit["train"]) for fit in results["fits"]]
    for one, trained in zip(found, [*trained_on, ""], strict=False):
        figures = (shown(one.estimates[name]) for name in _HEADLINE)
        table.add_row(one.part, trained, str(one.statements), str(one.groups), *figures)
    if len(trained_on) > 1:
        spread = (_mean_and_sd(results["spread"][name]) for name in _HEADLINE)
        table.add_row(f"mean (SD) of {len(trained_on)}", "", "", "", *spread)
    yield table
    notes = [*results["notes"], *found[-1].notes, ceiling_words(found[-1])]
    yield from (f"note: {note}" for note in dict.fromkeys(notes))


def _mean_and_sd(spread: dict[str, float | None]) -> str:
    if spread["mean"] is None or spread["sd"] is None:
        return "undefined"
    return f"{spread['mean']:.3f} ({spread['sd']:.3f})"


def confidence_tables(found: Evaluation) -> Iterator[Table | str]:
    """What to expect at the field's shares of labels, and what each model's threshold gives."""
    if not found.in_field:
        return
    caption = (
        "precision of all is accuracy; assumes that statements of one label are alike in the field and here.\n"
        "The default shares are those of 87 sentences of five articles, 4 of them against: give yours by --field-shares"
    )
    table = Table(title="at the field's shares of labels", title_justify="left", caption=caption)
    for heading in ("model", "part", "label", "share in the field", "share by counting answers", "precision"):
        table.add_column(heading, no_wrap=True)
    for part, figures in found.in_field.items():
        for name, one in zip(found.names, figures, strict=True):
            for label, share in zip(ORDER, one.shares, strict=True):
                counted, right = one.estimates[f"predicted_{label}"], one.estimates[f"precision_{label}"]
                table.add_row(name, part, str(label), f"{share:.3f}", shown(counted), shown(right))
            table.add_row(name, part, "all", "", "", shown(one.estimates["accuracy"]), end_section=True)
    yield table
    yield from _abstention_lines(found)


def slice_tables(found: Evaluation, columns: Sequence[str]) -> Iterator[Table | str]:
    """For each model, part and column asked for: every slice, the worst first."""
    for name, slices in zip(found.names, found.slices, strict=False):
        for part, column in dict.fromkeys((one.part, one.column) for one in slices if one.column in columns):
            table = Table(title=f"{name} on {part}, by {column}", title_justify="left")
            for heading in (column, "statements", "groups", "accuracy", "macro-F1"):
                table.add_column(heading, no_wrap=True)
            for one in slices:
                if (one.part, one.column) == (part, column):
                    figures = (shown(one.accuracy), shown(one.macro_f1))
                    table.add_row(one.value, str(one.statements), str(one.groups), *figures)
            yield table


def shortcuts_table(found: Evaluation) -> Iterator[Table | str]:
    """What every model loses under each probe, beside its score; nothing where none was asked for."""
    if not found.shortcuts:
        return
    caption = (
        "lost: macro-F1 before minus after; kept: favor and against answers that stay, of the statements changed.\n"
        "A model that reads loses little with names masked, and keeps few answers when the sides are swapped."
    )
    table = Table(title="shortcuts", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("model", "part", "changed input", "statements changed", "macro-F1", "lost", "kept"):
        table.add_column(heading, no_wrap=True)
    for name, model_id, results in zip(found.names, found.model_ids, found.shortcuts, strict=True):
        for part in dict.fromkeys(one.part for one in results):
            score = next(one for one in found.results if (one.part, one.model_id) == (part, model_id))
            table.add_row(name, part, "none", "", shown(score.estimates["macro_f1"]), "", "")
            for one in (one for one in results if one.part == part):
                figures = [shown(one.macro_f1), shown(one.drop)] if one.keeps_gold else ["", ""]
                table.add_row("", "", one.probe, str(one.changed), *figures, shown(one.kept))
    yield table


def behaviour_table(found: Evaluation) -> Iterator[Table | str]:
    """Pass rates of every suite, a column for each model; nothing where no cases were run."""
    if not found.behaviour:
        return
    caption = "cases passed [Wilson interval, 95 %]; every failure stands in --json and on the page of --out"
    table = Table(title="behaviour", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("test", "kind", "cases", *found.names):
        table.add_column(heading, no_wrap=True)
    for row in zip(*found.behaviour, strict=True):
        cells = (f"{one.rate:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in row)
        table.add_row(row[0].name, row[0].kind, str(row[0].cases), *cells)
    yield table


def agreement_tables(parts: Sequence[Agreement]) -> Iterator[Table | str]:
    """A row for each set of statements, label by label, then who was left out and what a perfect figure leaves open."""
    level = f"intervals: {parts[0].level:.0%}, groups resampled"
    whole = {"statements": "", "groups": "", **_AGREEMENT}
    table = Table(title="agreement of coders", title_justify="left", caption=level, caption_justify="left")
    by_label = Table(title="label by label", title_justify="left")
    for heading in ("", *(words or name for name, words in whole.items())):
        table.add_column(heading, no_wrap=True)
    for heading in ("", "label", "alpha, this label or not", "equal votes where one gives it"):
        by_label.add_column(heading, no_wrap=True)
    for part in parts:
        figures = (shown(part.estimates[name]) for name in _AGREEMENT)
        table.add_row(part.part, str(part.statements), str(part.groups), *figures)
        for label in ORDER:
            cells = (shown(part.estimates[f"{name}_{label}"]) for name in ("alpha", "agreement"))
            by_label.add_row(part.part, str(label), *cells)
    yield from (table, by_label)
    for part in parts:
        yield from (f"{part.part}: Cohen's kappa of {pair}: {shown(kappa)}" for pair, kappa in part.kappas.items())
        if part.groups < ENOUGH_GROUPS:
            yield f"note: {part.part}: only {part.groups} groups (articles, pages): the intervals are wide"
        if part.adjudicators:
            yield f"note: {part.part}: {', '.join(part.adjudicators)} saw only disputed statements and is left out"
        if part.estimates["agreement"].value == 1:
            yield (
                f"note: {part.part}: no dispute on {part.statements} statements; "
                f"up to {min(1.0, 3 / part.statements):.1%} may still be disputable (rule of three)"
            )


def comparison_lines(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """The verdict of each comparison."""
    yield from (f"{found.part}: {found.verdict}" for found in comparisons)


def repeats_table(found: Evaluation) -> Iterator[Table | str]:
    """What each config scores on average over seeds, and which is better; nothing where no config has two seeds."""
    if not found.repeats:
        return
    caption = (
        f"intervals: {found.repeats[0].level:.0%}, groups and seeds resampled; one seed alone adds nothing for its luck"
    )
    table = Table(title="means over seeds", title_justify="left", caption=caption, caption_justify="left")
    for heading in ("config", "part", "seeds", *_HEADLINE.values(), "macro-F1 of each seed", "SD"):
        table.add_column(heading, no_wrap=heading != "macro-F1 of each seed")
    for one in found.repeats:
        each = " ".join(f"{score:.3f}" for score in one.macro_f1)
        figures = (shown(one.means[name]) for name in _HEADLINE)
        spread = "" if math.isnan(one.spread) else f"{one.spread:.3f}"
        table.add_row(one.name, one.part, str(one.seeds), *figures, each, spread)
    yield table
    yield from comparison_lines(found.repeat_comparisons)


def error_lines(found: Evaluation) -> Iterator[str]:
    """How models of different families disagree, and where doubted gold labels stand."""
    for pair in found.disagreements:
        apart = pair.only_first_right + pair.only_second_right + pair.different_mistakes
        yield (
            f"{pair.part}: {pair.first} and {pair.second} differ on {apart} of {pair.statements} statements: "
            f"{pair.first} alone is right on {pair.only_first_right}, {pair.second} alone on {pair.only_second_right}; "
            f"both have {pair.same_mistake + pair.different_mistakes} wrong"
        )
    if any(one.listed for one in found.doubted):
        yield "gold labels that a model doubts (cleanlab) stand on the page and in --json: to read, no count of errors"


def ceiling_words(result: PartResult) -> str:
    """What the coders' own agreement allows a model to reach, or that it is unknown."""
    if result.ceiling is None:
        return "no statement here has the votes of two coders: how well a coder would do is unknown"
    return f"for comparison, one coder against the others reaches macro-F1 {shown(result.ceiling)}"


def shown(estimate: Estimate) -> str:
    """A figure with its interval: `0.612 [0.550, 0.671]`."""
    if math.isnan(estimate.value):
        return "undefined"
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f} [no interval]"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _abstention_lines(found: Evaluation) -> Iterator[str]:
    for number, (name, choice) in enumerate(zip(found.names, found.choices, strict=True)):
        if choice is not None:
            yield f"{name}: threshold {next(iter(found.curves.values()))[number].threshold:.3f}; {choice.words}"
        for part, of_part in found.curves.items():
            one = of_part[number]
            if one.threshold > 0:
                coverage, right = shown(one.selective["coverage"]), shown(one.selective["accuracy"])
                yield f"{part}: {name} answers {coverage} of the statements, {right} of those rightly"


def _metrics_table(result: PartResult, title: str) -> Table:
    table = Table(title=title, title_justify="left", caption=f"intervals: {result.level:.0%}, groups resampled")
    for heading in ("metric", "all", *ORDER):
        table.add_column(str(heading), no_wrap=True)
    for name, words in _HEADLINE.items():
        table.add_row(words, shown(result.estimates[name]))
    for name, words in RELIABILITY_WORDS.items():
        if name in result.estimates:  # a run of an earlier version lacks them
            table.add_row(words, shown(result.estimates[name]))
    if result.of_ceiling is not None:
        table.add_row("macro-F1 / coders'", shown(result.of_ceiling))
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
