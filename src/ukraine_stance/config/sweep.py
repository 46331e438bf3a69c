"""What a sweep may say: which experiment, which of its values are tried, and how many trials."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from ukraine_stance.config.schema import Layout, Section, Text

# Only what the model is: a sweep over seeds, data or metrics would pick luck.
TRIED = r"^(model|tfidf|transformer)\.[a-z0-9_]+$"

Key = Annotated[str, StringConstraints(pattern=TRIED)]
Number: TypeAlias = int | float
Value: TypeAlias = bool | int | float | str | tuple[int, int] | None


def _lowest_first(ends: tuple[Number, Number]) -> tuple[Number, Number]:
    lowest, highest = ends
    if lowest >= highest:
        raise ValueError("the lowest value comes first and the highest last, and they differ")
    return ends


def _above_zero(ends: tuple[Number, Number]) -> tuple[Number, Number]:
    if ends[0] <= 0:
        raise ValueError("a range by factors begins above 0")
    return ends


def _several(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if len(values) < 2:
        raise ValueError("a choice needs two values or more")
    return values


Ends = Annotated[tuple[Number, Number], AfterValidator(_lowest_first)]
Factors = Annotated[Ends, AfterValidator(_above_zero)]
Choices = Annotated[tuple[Value, ...], AfterValidator(_several)]


class SweepConfig(Section):
    """A search for better values of an experiment, judged on its validation fold alone."""

    config: Text = Field(description="Config of the experiment, as stance train takes it; its seed serves every trial.")
    trials: int = Field(ge=1, le=10_000, description="Trials in all, those that are pruned included.")
    seed: int = Field(default=0, ge=0, le=2**32 - 1, description="Seed of what is tried next.")
    prune: bool = Field(
        default=True,
        description="End a trial whose validation macro-F1 after an epoch is below the median of earlier trials then.",
    )
    uniform: dict[Key, Ends] = Field(
        default={}, description="Values by key between [lowest, highest]; whole numbers where the key takes no others."
    )
    log_uniform: dict[Key, Factors] = Field(
        default={}, description="As uniform, but equal factors are equally likely: for learning rates and strengths."
    )
    choices: dict[Key, Choices] = Field(default={}, description="Values by key of which one is taken.")

    @model_validator(mode="after")
    def _each_key_once(self) -> "SweepConfig":
        keys = [*self.uniform, *self.log_uniform, *self.choices]
        if not keys:
            raise ValueError("nothing to try (give uniform, log_uniform or choices)")
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"tried in two ways: {', '.join(twice)} (keep one)")
        return self


SWEEP = Layout(SweepConfig, {"uniform": None, "log_uniform": None, "choices": None}, {})
