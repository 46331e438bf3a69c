"""A classifier over a random BERT of three layers, so that the layers before the last one count."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from ukraine_stance import classifier
from ukraine_stance.calibration import Calibration
from ukraine_stance.models import TransformerModel
from ukraine_stance.models.protocol import LabelledTexts


@pytest.fixture(scope="session")
def save_deep(
    new_transformer: Callable[..., TransformerModel],
    tiny_checkpoint: Path,
    toy: LabelledTexts,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., Path]:
    """Trains and saves the classifier, with settings that keywords change, and gives its folder."""
    checkpoint = shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("deep") / "checkpoint")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        BertModel(BertConfig.from_pretrained(checkpoint, num_hidden_layers=3)).save_pretrained(checkpoint)

    def save(**changed: object) -> Path:
        model = new_transformer(checkpoint=str(checkpoint), epochs=2, learning_rate=1e-3, **changed)
        model.fit(toy, toy, tmp_path_factory.mktemp("checkpoints"))
        folder = tmp_path_factory.mktemp("run")
        classifier.save(model, Calibration(), {}, folder)
        return folder

    return save


@pytest.fixture(scope="session")
def deep_run(save_deep: Callable[..., Path]) -> Path:
    """Folder of the saved classifier; tests that write beside it take a copy."""
    return save_deep()


@pytest.fixture
def run(deep_run: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may change."""
    return shutil.copytree(deep_run, tmp_path / "run")


@pytest.fixture(scope="session", params=[None, "mean"], ids=["one token", "mean"])
def deep_model(request: pytest.FixtureRequest, save_deep: Callable[..., Path]) -> TransformerModel:
    model = classifier.load(save_deep(pooling=request.param)).model
    assert isinstance(model, TransformerModel)
    return model
