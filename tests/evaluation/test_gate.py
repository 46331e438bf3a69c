"""Each rule of the gate refuses alone, and what is undefined never passes."""

import json
import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ukraine_stance.config import GateConfig
from ukraine_stance.evaluation.behaviour import SuiteResult
from ukraine_stance.evaluation.gate import Counted, Decision, Finding, decide
from ukraine_stance.evaluation.results import Comparison, Evaluation, PartResult
from ukraine_stance.evaluation.slices import Slice
from ukraine_stance.evaluation.uncertainty import Estimate

NAN = math.nan
LABELS = ("favor", "against", "neutral")
CHAMPION = "models:/kestrel/1"

RULES: dict[str, Any] = {
    "registered_model": "kestrel",
    "margin": 1.0,
    "calibration_error": 0.1,
    "first_model": {"score": 0.5, "class_f1": 0.3},
    "behaviour": {"minimum": 0.5, "direction": 0.2},
    "suites": {"negation": 0.1},
    "slices": {"columns": ("aspect",), "least_statements": 30, "accuracy": 0.4},
}


def rules(**changed: Any) -> GateConfig:
    return GateConfig.model_validate({**RULES, **changed})


def part_result(part: str = "test", groups: int = 100, **estimates: Estimate) -> PartResult:
    usual = {"macro_f1": Estimate(0.6, 0.55, 0.65), "calibration_error": Estimate(0.05, 0.05, 0.2)}
    usual |= {f"f1_{label}": Estimate(0.5, 0.4, 0.6) for label in LABELS}
    return PartResult(part, "m", 500, groups, {}, usual | estimates, (), 0.95, ())


def suite(name: str, kind: str, passed: int, cases: int = 10) -> SuiteResult:
    return SuiteResult(name, kind, "", cases, passed, 0.0, 1.0, ())


def part_slice(value: str, accuracy: float, statements: int = 50, column: str = "aspect", part: str = "test") -> Slice:
    estimate = Estimate(accuracy, accuracy - 0.1, accuracy + 0.1)
    return Slice(part, column, value, statements, statements, estimate, estimate)


GAIN = Estimate(0.04, 0.02, 0.06)
SUITES = (suite("plain", "minimum", 8), suite("negation", "direction", 1), suite("denial", "direction", 5))
SLICES = (part_slice("troops", 0.45), part_slice("membership", 0.1, statements=29), part_slice("x", 0.1, column="year"))


def evaluation(
    result: PartResult | None = None,
    gain: Estimate = GAIN,
    suites: tuple[SuiteResult, ...] = SUITES,
    slices: tuple[Slice, ...] = SLICES,
) -> Evaluation:
    """A champion that is hopeless by itself and the model, which beats it by `gain`."""
    other = replace(result or part_result(), estimates=dict.fromkeys(part_result().estimates, Estimate(0.0, 0.0, 0.0)))
    return Evaluation(
        names=(CHAMPION, "new"),
        model_ids=("1", "2"),
        results=(other, result or part_result()),
        comparisons=(Comparison("test", CHAMPION, "new", 500, 100, {"macro_f1": gain}, 0.95, ""),),
        rows={"test": pd.DataFrame()},
        predictions={},
        warnings=(),
        behaviour=((suite("plain", "minimum", 0),), suites),
        slices=((), slices),
    )


def against(champion: str | None = CHAMPION, given: GateConfig | None = None, **changed: Any) -> Decision:
    return decide(given or rules(), evaluation(**changed), champion)


def failed(decision: Decision) -> list[str]:
    return [finding.rule for finding in decision.failed]


def test_a_model_within_every_bound_is_accepted() -> None:
    decision = against()
    assert decision.accepted and not decision.failed
    assert [finding.rule for finding in decision.findings] == [
        "groups on test",
        "macro_f1 beyond the champion's on test",
        "calibration error on test",
        "accuracy by aspect on test",
        "minimum cases",
        "direction cases",
        "suite negation",
    ]


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"result": part_result(groups=39)}, "groups on test"),
        ({"gain": Estimate(0.04, 0.0099, 0.06)}, "macro_f1 beyond the champion's on test"),
        ({"result": part_result(calibration_error=Estimate(0.101, 0.09, 0.2))}, "calibration error on test"),
        ({"slices": (*SLICES, part_slice("aid", 0.39))}, "accuracy by aspect on test"),
        ({"suites": (suite("plain", "minimum", 4), *SUITES[1:])}, "minimum cases"),
        ({"suites": (*SUITES[:2], suite("denial", "direction", 2))}, "direction cases"),
        ({"suites": (SUITES[0], suite("negation", "direction", 0), SUITES[2])}, "suite negation"),
    ],
)
def test_each_rule_refuses_alone(changed: dict[str, Any], rule: str) -> None:
    decision = against(**changed)
    assert failed(decision) == [rule] and not decision.accepted


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"gain": Estimate(0.04, NAN, NAN)}, "macro_f1 beyond the champion's on test"),
        ({"gain": Estimate(NAN, NAN, NAN)}, "macro_f1 beyond the champion's on test"),
        ({"result": part_result(calibration_error=Estimate(NAN, NAN, NAN))}, "calibration error on test"),
        ({"slices": (*SLICES, part_slice("aid", NAN))}, "accuracy by aspect on test"),
        ({"slices": ()}, "accuracy by aspect on test"),
        ({"slices": (part_slice("troops", 0.9, part="articles"),)}, "accuracy by aspect on test"),
        ({"suites": SUITES[1:]}, "minimum cases"),
    ],
)
def test_what_cannot_be_measured_lets_nothing_pass(changed: dict[str, Any], rule: str) -> None:
    decision = against(**changed)
    assert failed(decision) == [rule]
    assert "nan" not in str(decision.failed[0])


def test_the_margin_is_in_points_and_must_be_passed() -> None:
    assert not against(gain=Estimate(0.03, 0.01, 0.05), given=rules(margin=1.0)).accepted
    assert against(gain=Estimate(0.03, 0.01, 0.05), given=rules(margin=0.9)).accepted
    assert against(gain=Estimate(0.0, -0.019, 0.02), given=rules(margin=-2.0)).accepted


def test_the_difference_is_that_of_the_metric_asked_for() -> None:
    found = evaluation()
    both = {"macro_f1": Estimate(0.04, 0.02, 0.06), "accuracy": Estimate(0.01, -0.01, 0.02)}
    found = replace(found, comparisons=(replace(found.comparisons[0], differences=both),))
    assert failed(decide(rules(metric="accuracy"), found, CHAMPION)) == ["accuracy beyond the champion's on test"]


@pytest.mark.parametrize(
    ("estimates", "rule"),
    [
        ({"macro_f1": Estimate(0.6, 0.49, 0.7)}, "macro_f1 on test"),
        ({"macro_f1": Estimate(0.6, NAN, NAN)}, "macro_f1 on test"),
        ({"f1_against": Estimate(0.4, 0.29, 0.5)}, "f1_against on test"),
        ({"f1_neutral": Estimate(NAN, NAN, NAN)}, "f1_neutral on test"),
    ],
)
def test_a_first_model_is_held_to_absolute_floors(estimates: dict[str, Estimate], rule: str) -> None:
    assert against(champion=None).accepted
    assert failed(against(champion=None, result=part_result(**estimates))) == [rule]
    assert against(result=part_result(**estimates)).accepted  # with a champion they do not count


def test_every_part_is_judged() -> None:
    found = evaluation()
    results = (*found.results, *(replace(one, part="articles", groups=5) for one in found.results))
    comparisons = (*found.comparisons, replace(found.comparisons[0], part="articles"))
    found = replace(found, results=results, comparisons=comparisons, rows={"test": None, "articles": None})  # type: ignore[dict-item]
    assert failed(decide(rules(), found, CHAMPION)) == ["groups on articles", "accuracy by aspect on articles"]


def test_rules_that_are_off_give_no_finding() -> None:
    off = rules(calibration_error=None, behaviour={}, suites={}, slices={})
    decision = decide(off, evaluation(suites=(), slices=()), CHAMPION)
    assert [finding.rule for finding in decision.findings] == [
        "groups on test",
        "macro_f1 beyond the champion's on test",
    ]


def test_no_cases_at_all_refuse_where_cases_are_asked_for() -> None:
    found = replace(evaluation(), behaviour=())
    assert failed(decide(rules(), found, CHAMPION)) == ["minimum cases", "direction cases", "suite negation"]


def test_a_decision_without_findings_accepts_nothing() -> None:
    assert not Decision("new", None, ()).accepted


def test_a_slice_that_fails_is_named_with_its_figures() -> None:
    decision = against(slices=(*SLICES, part_slice("aid", 0.39), part_slice("sanctions", 0.2, statements=31)))
    assert str(decision.failed[0]) == (
        "accuracy by aspect on test is 0.200 [0.100, 0.300], must be at least 0.4 "
        "(2 of 3 slices below: sanctions 0.200 of 31; aid 0.390 of 50)"
    )


def test_a_refusal_says_the_figures_in_words() -> None:
    assert str(against(gain=Estimate(0.012, -0.004, 0.03)).failed[0]) == (
        "macro_f1 beyond the champion's on test is +1.2 [-0.4, +3.0] points, lower end must be above 1 "
        "(on 500 statements of 100 groups)"
    )
    assert str(against(result=part_result(groups=7)).failed[0]) == "groups on test is 7, must be at least 40"
    undefined = against(result=part_result(calibration_error=Estimate(NAN, NAN, NAN)))
    assert str(undefined.failed[0]) == "calibration error on test is undefined, must be at most 0.1"


def test_plain_values_are_strict_json() -> None:
    decision = against(gain=Estimate(0.04, NAN, NAN))
    plain = json.loads(json.dumps(decision.as_dict(), allow_nan=False))
    assert (plain["accepted"], plain["champion"]) == (False, CHAMPION)
    finding = plain["findings"][1]
    assert finding["figure"] == {"value": 4.0, "low": None, "high": None}
    assert (finding["bound"], finding["held"], finding["unit"]) == (1.0, False, "points")


def test_figures_fit_a_tag_and_lose_what_holds_first() -> None:
    held = [Finding(f"rule {n}", Estimate(0.5, 0.4, 0.6), "value", "at least", 0.4) for n in range(90)]
    broken = Finding("broken", Estimate(0.1, 0.0, NAN), "value", "at least", 0.4, words="why")
    decision = Decision("new", None, (*held, broken))
    whole = json.loads(decision.figures(100_000))
    assert len(whole) == 91 and whole["rule 7"] == {"value": 0.5, "low": 0.4, "high": 0.6, "bound": 0.4, "held": True}
    cut = decision.figures(1000)
    plain = json.loads(cut)
    assert 900 < len(cut) <= 1000 and plain["broken"]["words"] == "why" and plain["broken"]["high"] is None
    assert plain["left_out"] == 91 - (len(plain) - 1)


numbers = st.one_of(st.just(NAN), st.floats(-200, 200))


@given(
    value=numbers,
    low=numbers,
    counted=st.sampled_from(["value", "low"]),
    must_be=st.sampled_from(["above", "at least", "at most"]),
    bound=st.floats(-100, 100),
)
def test_a_rule_holds_only_for_a_defined_figure_within_its_bound(
    value: float, low: float, counted: Counted, must_be: Any, bound: float
) -> None:
    finding = Finding("x", Estimate(value, low, NAN), counted, must_be, bound)
    figure = value if counted == "value" else low
    assert not (finding.held and math.isnan(figure))
    if not math.isnan(figure):
        gap = bound - figure if must_be == "at most" else figure - bound
        assert finding.held == (gap > 0 or (gap == 0 and must_be != "above"))


@given(low=numbers, error=numbers, margin=st.floats(-100, 100), ceiling=st.floats(0, 1), harder=st.floats(0, 50))
def test_harder_rules_never_accept_what_milder_ones_refuse(
    low: float, error: float, margin: float, ceiling: float, harder: float
) -> None:
    changed = {
        "gain": Estimate(low / 100, low / 100, low / 100),
        "result": part_result(calibration_error=Estimate(error, error, error)),
    }
    mild = against(given=rules(margin=margin, calibration_error=ceiling), **changed)
    hard = rules(margin=min(margin + harder, 100), calibration_error=max(ceiling - harder, 0))
    assert mild.accepted or not against(given=hard, **changed).accepted
