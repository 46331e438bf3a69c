"""The gate: whether a model may become the champion, by the rules of a file and the figures of one evaluation.

Every rule gives one finding. A rule holds only where its figure is defined and within its bound, so that what could not
be measured lets nothing pass.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from scipy.stats import binomtest

from ukraine_stance.config import GateConfig
from ukraine_stance.evaluation.behaviour import SuiteResult
from ukraine_stance.evaluation.results import Evaluation
from ukraine_stance.evaluation.slices import Slice
from ukraine_stance.evaluation.uncertainty import Estimate, plain_estimate
from ukraine_stance.labels import ORDER

_UNDEFINED = Estimate(math.nan, math.nan, math.nan)

# Of a finding, the end of the interval that the bound is held against.
Counted = Literal["value", "low"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule and what was found; `figure` is a share from 0 to 1, a difference in points, or a count of groups.

    counted says which end of the figure must be `above`, `at least` or `at most` the bound; words say what else a
    reader must know.
    """

    rule: str
    figure: Estimate
    counted: Counted
    must_be: Literal["above", "at least", "at most"]
    bound: float
    unit: Literal["share", "points", "groups"] = "share"
    words: str = ""

    @property
    def held(self) -> bool:
        """Whether the figure is defined and within the bound."""
        counted: float = getattr(self.figure, self.counted)
        match self.must_be:  # nan is within none of them
            case "above":
                return counted > self.bound
            case "at least":
                return counted >= self.bound
            case "at most":
                return counted <= self.bound

    def __str__(self) -> str:
        """The rule with its figure and bound, as one clause."""
        words = f" ({self.words})" if self.words else ""
        return f"{self.rule} is {self.shown}, {self.wanted}{words}"

    @property
    def shown(self) -> str:
        """The figure with its interval."""
        if math.isnan(self.figure.value):
            return "undefined"
        if self.unit == "groups":
            return f"{self.figure.value:.0f}"
        form = "+.1f" if self.unit == "points" else ".3f"
        value, low, high = (format(number, form) for number in (self.figure.value, self.figure.low, self.figure.high))
        interval = "no interval" if math.isnan(self.figure.low) else f"{low}, {high}"
        return f"{value} [{interval}]{' points' if self.unit == 'points' else ''}"

    @property
    def wanted(self) -> str:
        """What the rule asks for."""
        end = "lower end " if self.counted == "low" else ""
        return f"{end}must be {self.must_be} {self.bound:g}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; undefined figures are None."""
        return {**asdict(self), "figure": plain_estimate(self.figure), "held": self.held}


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says of a model: accepted where every rule holds; champion is None for a first model."""

    model: str
    champion: str | None
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> tuple[Finding, ...]:
        """The findings whose rule does not hold."""
        return tuple(finding for finding in self.findings if not finding.held)

    @property
    def accepted(self) -> bool:
        """Whether every rule holds, and there is one."""
        return bool(self.findings) and not self.failed

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "model": self.model,
            "champion": self.champion,
            "accepted": self.accepted,
            "findings": [finding.as_dict() for finding in self.findings],
        }

    def figures(self, longest: int) -> str:
        """Every finding as compact JSON of at most `longest` characters: figure, low, high, bound and held by rule.

        Where there are too many, those that hold are left out first, from the last on, and counted as `left_out`.
        """
        kept = sorted(self.findings, key=lambda finding: finding.held)
        while True:
            text = _compact(kept, len(self.findings) - len(kept))
            if len(text) <= longest or not kept:
                return text
            kept.pop()


def decide(rules: GateConfig, found: Evaluation, champion: str | None) -> Decision:
    """Hold the last model of an evaluation against the rules, and against the first where that is the champion.

    found has the champion, where there is one, and the model, in that order, with slices by the rules' columns and
    every behavioural suite.
    """
    findings = [
        *(finding for part in found.rows for finding in _of_part(rules, found, part, champion)),
        *_behaviour_findings(rules, found.behaviour[-1] if found.behaviour else ()),
    ]
    return Decision(found.names[-1], champion, tuple(findings))


def _of_part(rules: GateConfig, found: Evaluation, part: str, champion: str | None) -> Iterator[Finding]:
    result = [one for one in found.results if one.part == part][-1]
    groups = Estimate(result.groups, math.nan, math.nan)
    yield Finding(f"groups on {part}", groups, "value", "at least", rules.least_groups, "groups")
    if champion is None:
        yield from _first_model_findings(rules, part, result.estimates)
    else:
        yield _difference_finding(rules, found, part)
    if rules.calibration_error is not None:
        error = result.estimates.get("calibration_error", _UNDEFINED)
        yield Finding(f"calibration error on {part}", error, "value", "at most", rules.calibration_error)
    slices = [one for one in found.slices[-1] if one.part == part] if found.slices else []
    for column in rules.slices.columns:
        yield _slice_finding(rules, part, column, [one for one in slices if one.column == column])


def _difference_finding(rules: GateConfig, found: Evaluation, part: str) -> Finding:
    of_part = [one for one in found.comparisons if (one.part, one.second) == (part, found.names[-1])]
    share = of_part[-1].differences[rules.metric] if of_part else _UNDEFINED
    points = Estimate(100 * share.value, 100 * share.low, 100 * share.high)
    rule = f"{rules.metric} beyond the champion's on {part}"
    words = f"on {of_part[-1].statements} statements of {of_part[-1].groups} groups" if of_part else "not compared"
    return Finding(rule, points, "low", "above", rules.margin, "points", words)


def _first_model_findings(rules: GateConfig, part: str, estimates: dict[str, Estimate]) -> Iterator[Finding]:
    floors = rules.first_model
    yield Finding(f"{rules.metric} on {part}", estimates[rules.metric], "low", "at least", floors.score)
    if floors.class_f1 is not None:
        for label in ORDER:
            yield Finding(f"f1_{label} on {part}", estimates[f"f1_{label}"], "low", "at least", floors.class_f1)


def _behaviour_findings(rules: GateConfig, suites: tuple[SuiteResult, ...]) -> Iterator[Finding]:
    by_kind: dict[str, float | None] = rules.behaviour.model_dump()
    for kind, floor in by_kind.items():
        if floor is not None:
            yield _pass_rate(f"{kind} cases", [one for one in suites if one.kind == kind], floor)
    for name, floor in rules.suites.items():
        yield _pass_rate(f"suite {name}", [one for one in suites if one.name == name], floor)


def _pass_rate(rule: str, suites: list[SuiteResult], floor: float) -> Finding:
    cases, passed = sum(one.cases for one in suites), sum(one.passed for one in suites)
    if not cases:
        return Finding(rule, _UNDEFINED, "value", "at least", floor, words="no such case was run")
    interval = binomtest(passed, cases).proportion_ci(method="wilson")
    rate = Estimate(passed / cases, float(interval.low), float(interval.high))
    return Finding(rule, rate, "value", "at least", floor, words=f"{passed} of {cases} cases pass")


def _slice_finding(rules: GateConfig, part: str, column: str, slices: list[Slice]) -> Finding:
    rule, floor = f"accuracy by {column} on {part}", rules.slices.accuracy
    judged = [one for one in slices if one.statements >= rules.slices.least_statements]
    if not judged:
        least = f"no slice holds {rules.slices.least_statements} statements"
        return Finding(rule, _UNDEFINED, "value", "at least", floor, words=least)
    judged.sort(key=lambda one: (not math.isnan(one.accuracy.value), one.accuracy.value))
    below = [one for one in judged if not one.accuracy.value >= floor]
    worst = "; ".join(f"{one.value} {_accuracy(one)} of {one.statements}" for one in below or judged[:1])
    words = f"{len(below)} of {len(judged)} slices below: {worst}" if below else f"the worst of {len(judged)}: {worst}"
    return Finding(rule, judged[0].accuracy, "value", "at least", floor, words=words)


def _accuracy(one: Slice) -> str:
    return "undefined" if math.isnan(one.accuracy.value) else f"{one.accuracy.value:.3f}"


def _compact(findings: list[Finding], left_out: int) -> str:
    plain: dict[str, Any] = {
        one.rule: {
            **{name: None if value is None else round(value, 4) for name, value in plain_estimate(one.figure).items()},
            "bound": one.bound,
            "held": one.held,
            **({"words": one.words} if one.words and not one.held else {}),
        }
        for one in findings
    }
    return json.dumps(plain | ({"left_out": left_out} if left_out else {}), ensure_ascii=False, separators=(",", ":"))
