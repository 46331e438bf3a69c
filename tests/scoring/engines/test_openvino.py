"""The OpenVINO graphs give what the model gives, at any number and length of rows."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from ukraine_stance.labels import TARGET
from ukraine_stance.models import TransformerModel
from ukraine_stance.scoring.engines.building import build, prepare

pytestmark = pytest.mark.skipif(
    find_spec("openvino") is None and "STANCE_REQUIRE_ALL" not in os.environ, reason="OpenVINO is not installed"
)

# One word, some, and more than the model reads.
TEXTS = [" ".join(["aid"] * count) for count in (1, 2, 3, 3, 5, 8, 8, 40)]
TARGETS = [TARGET] * len(TEXTS)


def test_bf16_is_near_the_model_and_leaves_it_as_it_was(deep_model: TransformerModel, tmp_path: Path) -> None:
    expected = deep_model.predict(TEXTS, TARGETS)
    wants = [part.requires_grad for part in deep_model.network.parameters()]
    prepare("openvino-bf16", deep_model, tmp_path)
    found = build("openvino-bf16", deep_model, tmp_path).predict(TEXTS, TARGETS)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=0.05)
    np.testing.assert_array_equal(found.truncated, expected.truncated)
    np.testing.assert_array_equal(deep_model.predict(TEXTS, TARGETS).probabilities, expected.probabilities)
    assert wants == [part.requires_grad for part in deep_model.network.parameters()]


def test_a_row_alone_is_the_row_among_others(deep_model: TransformerModel, tmp_path: Path) -> None:
    prepare("openvino-bf16", deep_model, tmp_path)
    engine = build("openvino-bf16", deep_model, tmp_path)
    together = engine.predict(TEXTS, TARGETS).probabilities
    alone = [engine.predict([text], [TARGET]).probabilities[0] for text in TEXTS]
    np.testing.assert_allclose(alone, together, atol=1e-3)


def test_nothing_is_reported_over_the_network(
    deep_model: TransformerModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reported(*arguments: object, **named: object) -> None:
        raise AssertionError("a report would be sent")

    monkeypatch.setattr("openvino_telemetry.Telemetry", reported)
    prepare("openvino-bf16", deep_model, tmp_path)
    assert (tmp_path / "graph.xml").exists()
