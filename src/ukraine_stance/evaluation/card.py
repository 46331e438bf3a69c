"""The card of a trained model in the hub's format: what it is for, what was measured, what it must not be used for.

A card goes where the model goes. It holds figures and counts, and never the text of a statement, a value of a column of
the user's own rows, a coder's name or a path.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ukraine_stance.calibration import Calibration
from ukraine_stance.config import EncoderConfig, ExperimentConfig
from ukraine_stance.corpus.dataset import PARTS, Dataset
from ukraine_stance.evaluation.agreement import agree
from ukraine_stance.evaluation.console import shown
from ukraine_stance.evaluation.reliability import RELIABILITY_WORDS
from ukraine_stance.evaluation.results import Evaluation, PartResult
from ukraine_stance.evaluation.slices import OTHERS, UNKNOWN, Slice, values_of
from ukraine_stance.evaluation.uncertainty import ENOUGH_GROUPS, Estimate, Resampling
from ukraine_stance.labels import ORDER, TARGET

_HEADLINE = {"macro_f1": "macro-F1", "favor_against_f1": "mean F1 of favor and against", "accuracy": "accuracy"}
_AGREEMENT = (
    "part",
    "statements",
    "coders",
    "alpha (Krippendorff)",
    "equal votes",
    "one coder against the others, macro-F1",
    "the model's macro-F1 as a share of that",
)
_LABELS = tuple(str(label) for label in ORDER)
_TUNED_ON = "validation"
_WORST_OF_A_COLUMN = 3
_LONGEST_VALUE = 60
_LONGEST_ABOUT = 300

# Of a label with fewer gold statements than this, one more or less moves macro-F1 by a point or more.
_FEW = 30

_DATASET = "ukraine-stance"
_MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_LIBRARIES = {
    "tfidf": ("ukraine-stance", "scikit-learn", "skops", "numpy"),
    "embedding": (
        *("ukraine-stance", "scikit-learn"),
        *("torch", "transformers", "tokenizers", "safetensors", "numpy"),
    ),
    "transformer": ("ukraine-stance", "torch", "transformers", "tokenizers", "safetensors", "numpy"),
    "ensemble": (
        *("ukraine-stance", "scikit-learn", "skops"),
        *("torch", "transformers", "tokenizers", "safetensors", "numpy"),
    ),
}

# What Markdown or the hub's HTML would take for more than text.
_SPECIAL = re.compile(r"([\\`*_\[\]|~#$])")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was made from: its config, the run's provenance, the data in parts, and what was fitted on top."""

    config: ExperimentConfig
    provenance: dict[str, Any]
    data: Dataset
    calibration: Calibration

    @property
    def sources(self) -> Counter[str]:
        """Rows by `origin`: bundled, article, user."""
        return Counter(self.data.frame["origin"])

    @property
    def learned(self) -> set[str]:
        """Origins of the rows that the model learned from or was tuned on."""
        return set(self.data.frame.loc[self.data.frame["part"].isin(("train", _TUNED_ON)), "origin"])

    @property
    def encoder(self) -> EncoderConfig | None:
        """The pretrained encoder that the model comes from, or has in a member."""
        model = self.config.model
        return model if isinstance(model, EncoderConfig) else self.config.transformer

    @property
    def checkpoint(self) -> str | None:
        """The hub's name of the checkpoint; None where there is none, or where it came from a folder."""
        encoder = self.encoder
        if encoder is None or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", encoder.checkpoint):
            return None
        return None if Path(encoder.checkpoint).is_dir() else encoder.checkpoint

    @property
    def is_minilm(self) -> bool:
        """Whether the checkpoint is the one whose licence is known here, by the hub's name or by its weights."""
        known = self.encoder is not None and self.encoder.checkpoint_sha256 == _MINILM_SHA256
        return known or self.checkpoint == _MINILM


def model_card(found: Evaluation, origin: Origin) -> str:
    """README.md of a run folder: the hub's metadata, then the sections, for an evaluation of one model.

    Figures that are undefined are called so in the text and left out of the metadata, which has no word for them.
    Source: Mitchell et al. 2019, arXiv:1810.03993.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ukraine_stance", "evaluation"),
        autoescape=False,  # it is Markdown; what comes from outside passes `plain`
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = lambda count: f"{count:,}"
    environment.filters["figure"] = shown
    environment.filters["plain"] = plain
    text = environment.get_template("card.md.j2").render(_context(found, origin))
    return str(ModelCard(f"---\n{_metadata(found, origin).to_yaml()}\n---\n\n{text}"))


def plain(value: object, longest: int = _LONGEST_VALUE) -> str:
    """A value from outside as one line of text that Markdown and HTML show as it is, cut where it is long."""
    words = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    short = words if len(words) <= longest else f"{words[: longest - 1]}…"
    escaped = short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", escaped)


def _metadata(found: Evaluation, origin: Origin) -> ModelCardData:
    results = [
        one for result in _judged(found) for one in _eval_results(result, set(found.rows[result.part]["origin"]))
    ]
    ours = "bundled" in origin.sources
    licence, name = _licence(origin)
    return ModelCardData(
        language="en" if ours else None,
        license=licence,
        license_name=name,
        library_name="ukraine-stance",
        pipeline_tag="text-classification",
        tags=["stance-detection", "news", "ukraine", origin.config.model.family],
        base_model=origin.checkpoint,
        datasets=[_DATASET] if ours else None,
        metrics=["f1", "accuracy"],
        model_name=origin.config.name if results else None,
        eval_results=results or None,
    )


def _eval_results(result: PartResult, origins: set[str]) -> Iterator[EvalResult]:
    """The headline figures of a part; a metric's name is all the room that the format has for an interval."""
    words = {"bundled": "ukraine-stance statements", "article": "article sentences", "user": "the trainer's own files"}
    dataset_name = ", ".join(said for name, said in words.items() if name in origins)
    for metric, said in _HEADLINE.items():
        estimate = result.estimates[metric]
        if math.isnan(estimate.value):
            continue
        interval = "no interval"
        if not math.isnan(estimate.low):
            interval = f"{result.level:.0%} interval {estimate.low:.3f} to {estimate.high:.3f}"
        yield EvalResult(
            task_type="text-classification",
            task_name=f"stance toward {TARGET}",
            dataset_type="own" if origins == {"user"} else _DATASET,
            dataset_name=dataset_name,
            dataset_split=result.part,
            metric_type="accuracy" if metric == "accuracy" else "f1",
            metric_name=f"{said} ({interval})",
            metric_value=round(estimate.value, 4),
        )


def _licence(origin: Origin) -> tuple[str, str | None]:
    """What the metadata can say in a word, and a name where that word is "other"; the last section says the rest."""
    if "user" in origin.learned:
        return "other", "see-the-section-licences"
    if origin.encoder is None:
        return "cc-by-4.0", None
    return ("apache-2.0", None) if origin.is_minilm else ("other", "the-checkpoints-own")


def _context(found: Evaluation, origin: Origin) -> dict[str, Any]:
    evaluation = origin.config.evaluation
    judged = _judged(found)
    return {
        "config": origin.config,
        "family": origin.config.model.family,
        "origin": origin,
        "checkpoint": f"`{origin.checkpoint}`" if origin.checkpoint else "a checkpoint in a folder of the trainer's",
        "target": TARGET,
        "other_targets": len(set(origin.data.frame["target"]) - {TARGET}),
        "order": _LABELS,
        "level": f"{100 * evaluation.confidence_level:g} %",
        "judged": judged,
        "tuned": any(result.part == _TUNED_ON for result in found.results),
        "tables": _tables(found, origin, judged),
        "confusion": [(result.part, _confusion_table(result)) for result in judged],
        "slices": [(result.part, *_worst(found, result.part)) for result in judged],
        "sources": origin.sources,
        "learned": origin.learned,
        "codebook": _codebook(origin),
        "taking_sides": _taking_sides(origin),
        "behaviour": found.behaviour[0] if found.behaviour else (),
        "shortcuts": found.shortcuts[0] if found.shortcuts else (),
        "in_field": found.in_field,
        "few": _FEW,
        "enough_groups": ENOUGH_GROUPS,
        "warnings": found.warnings,
    }


def _tables(found: Evaluation, origin: Origin, judged: list[PartResult]) -> dict[str, str]:
    results = [*judged, *(result for result in found.results if result.part == _TUNED_ON)]
    parts = [result.part for result in results]
    return {
        "data": _table(["part", *_LABELS, "statements"], _data_rows(origin)),
        "agreement": _table(_AGREEMENT, _agreement_rows(judged, found, origin)),
        "figures": _table(["figure", *parts], _figure_rows(results)),
        "calibration": _table(["figure", *parts], _metric_rows(RELIABILITY_WORDS, results)),
        "shortcuts": _table(["changed input", "part", "macro-F1", "lost", "answers kept"], _shortcut_rows(found)),
        "field": _table(["part", "label", "share in the field", "share by counting", "precision"], _field_rows(found)),
        "behaviour": _table(["test", "what must hold", "passed", "rate"], _behaviour_rows(found)),
        "provenance": _table(["", ""], _provenance_rows(found, origin)),
    }


def _field_rows(found: Evaluation) -> Iterator[list[str]]:
    for part, figures in found.in_field.items():
        if part == _TUNED_ON:
            continue
        of_model = figures[0]
        for label, share in zip(_LABELS, of_model.shares, strict=True):
            counted, precision = (of_model.estimates[f"{name}_{label}"] for name in ("predicted", "precision"))
            yield [plain(part), label, f"{share:.3f}", shown(counted), shown(precision)]


def _shortcut_rows(found: Evaluation) -> Iterator[list[str]]:
    for one in found.shortcuts[0] if found.shortcuts else ():
        figures = [shown(one.macro_f1), shown(one.drop)] if one.keeps_gold else ["", ""]
        yield [one.probe, plain(one.part), *figures, shown(one.kept)]


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, empty without rows; cells from outside have passed `plain`."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    head = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return "\n".join([*head, *lines]) if lines else ""


def _data_rows(origin: Origin) -> Iterator[list[object]]:
    for part in PARTS:
        counts = Counter(origin.data.part(part)["label"])
        if counts:
            yield [part, *(f"{counts[label]:,}" for label in _LABELS), f"{counts.total():,}"]


def _agreement_rows(judged: list[PartResult], found: Evaluation, origin: Origin) -> Iterator[list[object]]:
    asked = origin.config.evaluation
    how = Resampling(asked.bootstrap_samples, asked.confidence_level, origin.config.seed)
    for result in judged:
        rows = found.rows[result.part]
        agreement = agree(result.part, rows, how) if "votes" in rows else None
        if agreement is not None:
            figures = [shown(agreement.estimates[name]) for name in ("alpha", "agreement", "ceiling_macro_f1")]
            yield [
                result.part,
                f"{agreement.statements:,}",
                len(agreement.coders),
                *figures,
                shown(result.of_ceiling) if result.of_ceiling else "no votes",
            ]


def _figure_rows(results: list[PartResult]) -> Iterator[list[str]]:
    yield ["statements (groups)", *(f"{result.statements:,} ({result.groups:,})" for result in results)]
    kinds = {"precision": "precision", "recall": "recall", "f1": "F1"}
    by_label = {f"{name}_{label}": f"{words} of {label}" for label in _LABELS for name, words in kinds.items()}
    yield from _metric_rows(_HEADLINE | by_label, results)


def _metric_rows(words: dict[str, str], results: list[PartResult]) -> Iterator[list[str]]:
    for name, said in words.items():
        yield [said, *(shown(result.estimates[name]) for result in results)]


def _confusion_table(result: PartResult) -> str:
    return _table(
        ["gold", *_LABELS], [[label, *counts] for label, counts in zip(_LABELS, result.confusion, strict=True)]
    )


def _behaviour_rows(found: Evaluation) -> Iterator[list[str]]:
    for one in sorted(found.behaviour[0] if found.behaviour else (), key=lambda one: (one.rate, one.name)):
        rate = shown(Estimate(one.rate, one.low, one.high))
        yield [f"`{one.name}`", plain(one.about, _LONGEST_ABOUT), f"{one.passed} of {one.cases}", rate]


def _provenance_rows(found: Evaluation, origin: Origin) -> Iterator[list[object]]:
    provenance, config = origin.provenance, origin.config
    changed = " with changes that were not committed" if provenance["uncommitted_changes"] else ""
    yield ["model", found.model_ids[0]]
    yield ["made", provenance["started"]]
    yield ["command", "`stance train config.yaml`, with the config beside this card"]  # as typed it may hold paths
    yield ["commit", f"{provenance['commit']}{changed}" if provenance["commit"] else "not known"]
    yield ["seed", config.seed]
    yield ["data, SHA-256", origin.data.sha256]
    yield ["learned from and tuned on, SHA-256", origin.data.learned_sha256]
    if origin.encoder is not None:
        yield ["checkpoint", plain(origin.checkpoint) if origin.checkpoint else "a folder of the trainer's"]
        yield ["checkpoint's weights, SHA-256", origin.encoder.checkpoint_sha256 or "held to none"]
    yield ["Python", provenance["python"]]
    yield from ([name, provenance["versions"].get(name, "absent")] for name in _LIBRARIES[config.model.family])


def _judged(found: Evaluation) -> list[PartResult]:
    """Results on parts that the model neither learned from nor was tuned on."""
    return [result for result in found.results if result.part != _TUNED_ON]


def _taking_sides(origin: Origin) -> str:
    """Share of the training statements that are not neutral."""
    labels = origin.data.part("train")["label"]
    return f"{100 * (labels != 'neutral').mean():.0f} %"


def _codebook(origin: Origin) -> list[tuple[str, int]]:
    """Votes on our own rows by the version of the codebook that they were made under."""
    frame = origin.data.frame
    if "votes" not in frame:
        return []
    cells = frame.loc[frame["origin"] != "user", "votes"]
    return sorted(Counter(vote["codebook_version"] for cell in cells if cell is not None for vote in cell).items())


def _worst(found: Evaluation, part: str) -> tuple[str, int, int]:
    """A table of each column's slices with the lowest accuracy, how many slices there are, and how many are private.

    Private are values that stand in the user's own rows alone.
    """
    slices = [one for one in (found.slices[0] if found.slices else ()) if one.part == part]
    rows = found.rows[part]
    ours = rows[rows["origin"] != "user"]
    known = {name: {OTHERS, UNKNOWN, *values_of(ours, name)} for name in {one.column for one in slices} & set(rows)}
    told: dict[str, list[Slice]] = {}
    for one in slices:
        if one.column not in known or one.value in known[one.column]:
            told.setdefault(one.column, []).append(one)
    worst = [
        [one.column, plain(one.value), one.statements, one.groups, shown(one.accuracy), shown(one.macro_f1)]
        for of_column in told.values()
        for one in sorted(of_column, key=lambda one: (one.accuracy.value, -one.statements))[:_WORST_OF_A_COLUMN]
    ]
    headings = ["column", "value", "statements", "groups", "accuracy", "macro-F1"]
    return _table(headings, worst), len(slices), len(slices) - sum(map(len, told.values()))
