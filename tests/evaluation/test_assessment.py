"""Models in one assessment: which of them are one config with several seeds, and what their means say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

from ukraine_stance.calibration import Calibration
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.evaluation.assessment import Measures, assess, recipes_of
from ukraine_stance.evaluation.console import repeats_table
from ukraine_stance.evaluation.results import Recipe
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.models.protocol import Prediction


@dataclass
class _Noisy:
    """Right on a share of the statements that its seed draws; it finds the gold label in the text."""

    seed: int
    right: float = 0.7
    depth: int = 1
    family: ClassVar[str] = "noisy"

    def settings(self) -> dict[str, Any]:
        return {"right": self.right, "member": {"seed": self.seed, "depth": self.depth}, "seed": self.seed}

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        rng = np.random.default_rng(self.seed)
        gold = np.array([ORDER.index(text.split()[0]) for text in texts])
        said = np.where(rng.random(len(texts)) < self.right, gold, (gold + 1) % 3)
        return Prediction(np.where(np.eye(3)[said] == 1, 0.8, 0.1), np.zeros(len(texts), dtype=bool))


def model(seed: int, data: str = "a", **changed: Any) -> StanceClassifier:
    trained_on = {"data": {}, "seed": seed, "sha256": data}
    return StanceClassifier(_Noisy(seed, **changed), Calibration(), f"noisy-{seed}", trained_on=trained_on)


ROWS = pd.DataFrame({
    "id": [f"s{row}" for row in range(120)],
    "text": [f"{ORDER[row % 3]} convoy {row}" for row in range(120)],
    "label": [str(ORDER[row % 3]) for row in range(120)],
    "group": [f"g{row // 2}" for row in range(120)],
    "target": TARGET,
})  # fmt: skip


def test_models_that_differ_by_their_seed_alone_are_one_recipe() -> None:
    models = [model(1), model(2), model(3, right=0.9), model(4)]
    found = recipes_of(models, ["runs/noisy-1", "runs/noisy-2", "sure", "runs/noisy-4"])
    assert found == [Recipe("runs/noisy (3 seeds)", (0, 1, 3)), Recipe("sure", (2,))]


@pytest.mark.parametrize("other", [{"data": "b"}, {"depth": 2}])
def test_other_data_or_settings_are_another_recipe(other: dict[str, Any]) -> None:
    assert len(recipes_of([model(1), model(2, **other)], ["x-1", "x-2"])) == 2


def test_names_without_a_common_beginning_give_the_family() -> None:
    assert [one.name for one in recipes_of([model(1), model(2)], ["first", "second"])] == ["noisy (2 seeds)"]


def test_two_recipes_of_one_name_are_told_apart() -> None:
    models = [model(1), model(2), model(3, depth=2), model(4, depth=2)]
    found = [one.name for one in recipes_of(models, ["a-1", "a-2", "a-3", "a-4"])]
    assert found == ["a (2 seeds)", "a (2 seeds) 2"]


def test_means_over_seeds_stand_beside_every_model() -> None:
    names = ["weak-1", "weak-2", "weak-3", "good-1", "good-2"]
    models = [model(seed) for seed in (1, 2, 3)] + [model(seed, right=0.95) for seed in (4, 5)]
    wanted = Measures(Resampling(samples=200), shortcuts=False)
    found = assess(models, names, {"test": ROWS}, wanted)
    weak, good = found.repeats
    assert (weak.name, weak.seeds, good.name, good.seeds) == ("weak (3 seeds)", 3, "good (2 seeds)", 2)
    each = [result.estimates["macro_f1"].value for result in found.results[:3]]
    assert weak.macro_f1 == pytest.approx(each)
    assert weak.means["macro_f1"].value == pytest.approx(np.mean(each))
    assert weak.spread == pytest.approx(np.std(each, ddof=1))
    (pair,) = found.repeat_comparisons
    assert pair.verdict.startswith("good (2 seeds) is better than weak (3 seeds) by ")
    assert len(found.comparisons) == 10
    assert found.as_dict()["repeats"][0]["seeds"] == 3
    assert list(repeats_table(found))[-1] == f"test: {pair.verdict}"


def test_without_repeats_nothing_is_said_of_seeds() -> None:
    found = assess(
        [model(1), model(2, depth=3)], ["a", "b"], {"test": ROWS}, Measures(Resampling(200), shortcuts=False)
    )
    assert found.repeats == found.repeat_comparisons == ()
    assert list(repeats_table(found)) == []


def test_the_validation_part_is_not_asked_for_shortcuts() -> None:
    parts = {"validation": ROWS, "test": ROWS}
    found = assess([model(1, right=1.0)], ["a"], parts, Measures(Resampling(200)))
    assert {one.part for one in found.shortcuts[0]} == {"test"}
