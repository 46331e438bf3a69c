"""What a fit hands on from its rows to the model that is saved."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ukraine_stance import fitting
from ukraine_stance.config import DataConfig, ExperimentConfig, TfidfConfig, load
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER
from ukraine_stance.models.protocol import LabelledTexts


def test_the_target_of_each_row_is_learned_from_answered_and_named(toy: LabelledTexts, tmp_path: Path) -> None:
    labels = np.array([str(label) for label in ORDER], dtype=object)
    one = pd.DataFrame({"text": toy.texts, "target": "one side", "label": labels[toy.gold], "group": toy.texts})
    other = one.assign(target="the other side", label=labels[np.array([1, 0, 2])[toy.gold]])
    rows = pd.concat([one, other], ignore_index=True)
    config = ExperimentConfig(
        name="two", seed=0, data=DataConfig(), model=TfidfConfig(c=8.0, class_weight=None, per_target=True)
    )
    fitted = fitting.fit(config, rows, rows, "0" * 64, tmp_path, tmp_path / "workspace").classifier
    assert set(fitted.targets) == {"one side", "the other side"}
    assert list(fitted.predict(rows[["text", "target"]])["stance"]) == list(rows["label"])


def test_weights_that_are_missing_are_named_by_the_section_that_asks_for_them() -> None:
    path = Path(__file__).parents[1] / "configs" / "train" / "ensemble.yaml"
    sets = ["transformer.checkpoint=./not-there", "transformer.checkpoint_sha256=null"]
    with pytest.raises(UserMistake, match=r"transformer\.checkpoint: there is no folder \./not-there"):
        fitting.find_weights(load(path, sets).config)
