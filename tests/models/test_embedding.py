"""What is special to models on frozen sentence embeddings, on a random network of one layer."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression
from transformers import AutoModel, AutoTokenizer

from ukraine_stance import models
from ukraine_stance.config import EmbeddingConfig
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_file
from ukraine_stance.labels import TARGET
from ukraine_stance.models import EmbeddingModel
from ukraine_stance.models.protocol import LabelledTexts

NewModel = Callable[..., EmbeddingModel]


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint that a test may spoil."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


@pytest.fixture(scope="module")
def trained(new_embedding: NewModel, toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory) -> EmbeddingModel:
    model = new_embedding()
    model.fit(toy, toy, tmp_path_factory.mktemp("workspace"))
    return model


@pytest.fixture
def saved(trained: EmbeddingModel, tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    trained.save(tmp_path / "model")
    return tmp_path / "model"


def read(folder: Path, **changed: object) -> EmbeddingModel:
    usual = {
        "checkpoint": "c", "checkpoint_sha256": None, "revision": None, "max_tokens": 32, "c": 1.0,
        "class_weight": None,
    }  # fmt: skip
    return EmbeddingModel.load(folder, {**usual, **changed})


def test_a_config_reaches_the_model_whole() -> None:
    config = EmbeddingConfig(
        checkpoint="a/b", checkpoint_sha256="0" * 64, revision="r", max_tokens=9, c=0.5, class_weight="balanced"
    )
    settings = models.build(config, 7).settings()
    assert settings == {name: value for name, value in config.model_dump().items() if name != "family"}


def test_statements_that_embeddings_tell_apart_are_learned(trained: EmbeddingModel, toy: LabelledTexts) -> None:
    found = trained.predict(toy.texts, toy.targets)
    assert (found.probabilities.argmax(axis=1) == toy.gold).mean() > 0.9
    assert not found.truncated.any()


def test_the_head_is_a_logistic_regression_on_the_mean_of_the_tokens(
    trained: EmbeddingModel, checkpoint: Path, toy: LabelledTexts
) -> None:
    network, tokenizer = AutoModel.from_pretrained(checkpoint).eval(), AutoTokenizer.from_pretrained(checkpoint)
    rows = []
    with torch.inference_mode():
        for text in toy.texts:  # one by one: nothing is padded
            mean = network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
            rows.append((mean / mean.norm()).double().numpy())
    expected = LogisticRegression(C=1000.0, max_iter=2000).fit(rows, toy.gold).predict_proba(rows)
    np.testing.assert_allclose(trained.predict(toy.texts, toy.targets).probabilities, expected, atol=1e-4)


def test_the_answer_depends_neither_on_the_target_nor_on_neighbours(
    trained: EmbeddingModel, toy: LabelledTexts
) -> None:
    together = trained.predict(toy.texts, toy.targets).probabilities
    alone = trained.predict(toy.texts[3:4], ["another target"]).probabilities
    np.testing.assert_allclose(alone[0], together[3], atol=1e-6)
    assert trained.predict([], []).probabilities.shape == (0, 3)


def test_a_long_text_is_cut_and_said_to_be(trained: EmbeddingModel) -> None:
    given = ["tanks " * 31, "tanks " * 30]
    assert trained.predict(given, [TARGET] * 2).truncated.tolist() == [True, False]


def test_what_was_saved_answers_to_the_bit_and_holds_no_pickle(
    trained: EmbeddingModel, saved: Path, toy: LabelledTexts
) -> None:
    again = read(saved, c=1000.0)
    expected = trained.predict(toy.texts, toy.targets).probabilities
    assert (again.predict(toy.texts, toy.targets).probabilities == expected).all()
    assert again.fingerprint() == trained.fingerprint()
    assert {path.suffix for path in saved.iterdir()} == {".json", ".safetensors"}


def test_the_same_training_gives_the_same_weights_and_another_strength_others(
    trained: EmbeddingModel, new_embedding: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    for c, same in ((1000.0, True), (1.0, False)):
        model = new_embedding(c=c)
        model.fit(toy, toy, tmp_path)
        assert (model.fingerprint() == trained.fingerprint()) == same


def test_a_rare_class_counts_more_where_asked(new_embedding: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    few = toy.rows(np.r_[0:2, 12:36])
    of_rare = []
    for weight in (None, "balanced"):
        model = new_embedding(class_weight=weight, c=0.1)
        model.fit(few, few, tmp_path)
        of_rare.append(model.predict(few.texts, few.targets).probabilities[:, 0].mean())
    assert of_rare[1] > 2 * of_rare[0]


def test_a_stance_without_a_statement_is_an_error(new_embedding: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no training statement is favor"):
        new_embedding().fit(toy.rows(np.arange(12, 36)), toy, tmp_path)


def test_weights_with_another_hash_are_not_used(
    new_embedding: NewModel, toy: LabelledTexts, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserMistake, match=r"not the file that model.checkpoint_sha256 names"):
        new_embedding(checkpoint_sha256="0" * 64).fit(toy, toy, tmp_path)
    right = sha256_file(tiny_checkpoint / "model.safetensors")
    new_embedding(checkpoint_sha256=right).fit(toy, toy, tmp_path)


def test_more_tokens_than_the_encoder_has_positions_are_refused(
    new_embedding: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    with pytest.raises(UserMistake, match=r"model.max_tokens: tiny-bert0 reads at most 40 tokens, not 41"):
        new_embedding(max_tokens=41).fit(toy, toy, tmp_path)


def test_a_checkpoint_that_lacks_weights_is_refused_but_for_its_pooler(
    new_embedding: NewModel, toy: LabelledTexts, trained: EmbeddingModel, checkpoint: Path, tmp_path: Path
) -> None:
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    save_file({name: values for name, values in tensors.items() if "pooler" not in name}, path, {"format": "pt"})
    model = new_embedding(checkpoint=str(checkpoint))
    model.fit(toy, toy, tmp_path)
    assert model.fingerprint() == trained.fingerprint()
    save_file({name: values for name, values in tensors.items() if "layer.0" not in name}, path, {"format": "pt"})
    with pytest.raises(UserMistake, match=r"lacks the weights .* it is no pretrained encoder"):
        model.fit(toy, toy, tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json", "head.safetensors"])
@pytest.mark.parametrize("how", ["missing", "garbage"])
def test_a_model_with_a_file_missing_or_broken_is_refused_in_one_line(saved: Path, name: str, how: str) -> None:
    if how == "missing":
        (saved / name).unlink()
    else:
        (saved / name).write_bytes(b"garbage")
    with pytest.raises(UserMistake) as refused:
        read(saved)
    assert "\n" not in str(refused.value) and str(saved) in str(refused.value)


def test_a_head_of_another_encoder_is_refused(saved: Path) -> None:
    save_file({"weights": np.zeros((3, 31)), "bias": np.zeros(3)}, saved / "head.safetensors")
    with pytest.raises(UserMistake, match="holds no weights for embeddings of 32 numbers"):
        read(saved)


def test_the_encoders_own_pooler_is_not_kept(saved: Path) -> None:
    assert not [name for name in load_file(saved / "model.safetensors") if "pooler" in name]
    assert json.loads((saved / "config.json").read_text())["hidden_size"] == 32


def test_an_explanation_hides_words_from_the_encoder(trained: EmbeddingModel) -> None:
    (found,) = trained.explain(["we refuse tanks"], [TARGET], [1])
    assert [(span.start, span.end) for span in found.spans] == [(0, 2), (3, 9), (10, 15)]
    assert max(found.spans, key=lambda span: span.weight).start == 3
    assert np.isfinite([found.score, found.baseline]).all()


def test_the_checkpoint_is_left_as_it_was(
    new_embedding: NewModel, toy: LabelledTexts, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    before: dict[str, Any] = {path.name: sha256_file(path) for path in tiny_checkpoint.iterdir()}
    new_embedding().fit(toy, toy, tmp_path)
    assert {path.name: sha256_file(path) for path in tiny_checkpoint.iterdir()} == before
