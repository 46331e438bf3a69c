"""What the rules of the gate may say: the same kind of file as an experiment's, with other keys."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from ukraine_stance.config.schema import KEY, REGISTRY_NAME, Layout, Section, Text, named_once


def _at_least_one(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names nothing to judge on (test, articles or both)")
    return named_once(names)


Share = Annotated[float, Field(ge=0, le=1)]
Parts = Annotated[tuple[Literal["test", "articles"], ...], AfterValidator(_at_least_one)]
Names = Annotated[tuple[Text, ...], AfterValidator(named_once)]


class FirstModelRules(Section):
    """What a model must reach where there is no champion to beat."""

    score: Share = Field(description="Least lower end of the interval of the metric, from 0 to 1.")
    class_f1: Share | None = Field(
        default=None, description="Least lower end of the interval of each label's F1, from 0 to 1; null for no rule."
    )


class BehaviourRules(Section):
    """Least share of the behavioural cases of each kind that pass, all suites of the kind together."""

    minimum: Share | None = Field(
        default=None, description="Of plain statements and hard cases with their label, from 0 to 1; null for no rule."
    )
    invariance: Share | None = Field(
        default=None, description="Of statements whose rewriting must keep the label, from 0 to 1; null for no rule."
    )
    direction: Share | None = Field(
        default=None, description="Of pairs that differ by little and in their labels, from 0 to 1; null for no rule."
    )
    target: Share | None = Field(
        default=None, description="Of statements that speak of another target too, from 0 to 1; null for no rule."
    )


class SliceRules(Section):
    """What a model must reach on parts of the data."""

    columns: Names = Field(
        default=(), description="Columns whose every value is a slice; 'length' is words; [] for none."
    )
    least_statements: int = Field(default=40, ge=1, description="Statements that a slice must hold to be judged.")
    accuracy: Share = Field(default=0, description="Least accuracy on every slice that is judged, from 0 to 1.")


class GateConfig(Section):
    """The rules by which `stance promote` lets a model become the champion."""

    registered_model: Annotated[str, StringConstraints(max_length=200, pattern=REGISTRY_NAME)] = Field(
        description="Name in MLflow's model registry whose alias 'champion' the gate moves."
    )
    data: Text | None = Field(
        default=None,
        description="Labelled file to judge on, from the project folder; null takes what both models held out.",
    )
    parts: Parts = Field(
        default=("test",),
        description="Of what both held out, the parts on which every rule must hold: test, articles; no use with data.",
    )
    cases: Names = Field(
        default=(), description="Folders of behavioural tests of yours, from the project folder, run after ours."
    )
    metric: Literal["macro_f1", "favor_against_f1", "accuracy"] = Field(
        default="macro_f1", description="The metric in which a model must beat the champion."
    )
    margin: float = Field(
        ge=-100,
        le=100,
        description="The lower end of the interval of the paired difference to the champion must be above this, in "
        "points of the metric (100 points are 1).",
    )
    least_groups: int = Field(
        default=40,
        ge=1,
        description="Groups (articles, pages) that the statements must come from; intervals of fewer are uncertain.",
    )
    calibration_error: Share | None = Field(
        default=None, description="Largest expected calibration error, from 0 to 1; null for no rule."
    )
    bootstrap_samples: int = Field(
        default=2000, ge=100, le=100_000, description="Resamples of the groups behind each interval."
    )
    confidence_level: float = Field(
        default=0.95, gt=0.5, lt=1, description="Level of the two-sided intervals, above 0.5 and below 1."
    )
    seed: int = Field(
        default=0, ge=0, le=2**32 - 1, description="Seed of the resamples, so that nobody picks a lucky one."
    )
    first_model: FirstModelRules = Field(description="Floors where there is no champion yet.")
    behaviour: BehaviourRules = Field(default=BehaviourRules(), description="Floors of the behavioural tests, by kind.")
    suites: dict[Annotated[str, StringConstraints(pattern=KEY)], Share] = Field(
        default={}, description="Floors of single suites of behavioural tests, by the suite's name, from 0 to 1."
    )
    slices: SliceRules = Field(default=SliceRules(), description="Floors on parts of the data.")


GATE = Layout(
    GateConfig,
    {"first_model": FirstModelRules, "behaviour": BehaviourRules, "suites": None, "slices": SliceRules},
    {},
)
