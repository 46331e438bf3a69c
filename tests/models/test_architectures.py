"""The encoders of the shipped configs, as tiny random networks of the same architecture: trained, saved, read again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ukraine_stance import classifier
from ukraine_stance.calibration import Calibration
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import TARGET
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.models.transformer import TransformerModel
from ukraine_stance.scoring import engines
from ukraine_stance.scoring.engines.packed import PackedBert
from ukraine_stance.scoring.engines.streams import StreamedTransformer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def tokenizer_of(kind: str, folder: Path, corpus: LabelledTexts) -> int:
    """Write a tokenizer of the family's kind, learned from the corpus, and tell the size of its vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    texts = [*corpus.texts, *corpus.targets]
    if kind == "bytes":  # byte-level BPE, as ModernBERT reads
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer: Any = trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL, initial_alphabet=alphabet)
    else:  # unigram pieces with marked word starts, as SentencePiece makes them for DeBERTa-v3 and XLM-R
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=SPECIAL, unk_token="[UNK]")
    tokenizer.train_from_iterator(texts, trainer)
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **dict(zip(names, SPECIAL, strict=True)))
    fast.save_pretrained(folder)
    return int(tokenizer.get_vocab_size())


def deberta(vocabulary: int) -> Any:
    from transformers import DebertaV2Config, DebertaV2Model

    # Relative positions in buckets, shared with the keys, as in version 3.
    return DebertaV2Model(
        DebertaV2Config(
            **SMALL, vocab_size=vocabulary, max_position_embeddings=64, relative_attention=True, position_buckets=16,
            pos_att_type=["p2c", "c2p"], share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False,
            type_vocab_size=0, initializer_range=0.2,
        )
    )  # fmt: skip


def modernbert(vocabulary: int) -> Any:
    from transformers import ModernBertConfig, ModernBertModel

    return ModernBertModel(
        ModernBertConfig(
            **SMALL, vocab_size=vocabulary, max_position_embeddings=128, local_attention=16, initializer_range=0.2,
            global_attn_every_n_layers=2, pad_token_id=0, cls_token_id=2, sep_token_id=3, bos_token_id=2,
            eos_token_id=3,
        )
    )  # fmt: skip


def multilingual(vocabulary: int) -> Any:
    from transformers import BertConfig, BertModel

    return BertModel(BertConfig(**SMALL, vocab_size=vocabulary, max_position_embeddings=64, initializer_range=0.2))


@pytest.fixture(
    scope="module",
    params=[(deberta, "pieces"), (modernbert, "bytes"), (multilingual, "pieces")],
    ids=["deberta-v3", "modernbert", "multilingual"],
)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, toy: LabelledTexts) -> Path:
    import torch

    torch.set_num_threads(1)  # tiny tensors gain nothing from more, and lose much on a busy machine
    network, tokenizer = request.param
    folder = tmp_path_factory.mktemp("checkpoint")
    vocabulary = tokenizer_of(tokenizer, folder, toy)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network(vocabulary).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=[None, "mean"], ids=["own pooling", "mean"])
def new_model(
    request: pytest.FixtureRequest, checkpoint: Path, new_transformer: Callable[..., TransformerModel]
) -> Callable[[], TransformerModel]:
    settings = {"max_tokens": 48, "epochs": 16, "patience": 16, "learning_rate": 2e-3, "pooling": request.param}
    return lambda: new_transformer(checkpoint=str(checkpoint), **settings)


@pytest.fixture(scope="module")
def fitted(
    new_model: Callable[[], TransformerModel], toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory
) -> TransformerModel:
    model = new_model()
    model.fit(toy, toy, tmp_path_factory.mktemp("workspace"))
    return model


def test_it_learns(fitted: TransformerModel, toy: LabelledTexts) -> None:
    answers = fitted.predict(toy.texts, toy.targets).probabilities.argmax(axis=1)
    assert (answers == toy.gold).mean() > 0.6


def test_it_is_saved_and_read_with_the_same_numbers(
    fitted: TransformerModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    fitted.save(tmp_path)
    again = TransformerModel.load(tmp_path, fitted.settings())
    assert again.fingerprint() == fitted.fingerprint()
    before, after = (model.predict(toy.texts, toy.targets).probabilities for model in (fitted, again))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_a_row_alone_and_in_a_batch_get_one_answer(fitted: TransformerModel, toy: LabelledTexts) -> None:
    texts = ("they promise tanks", "the ministers met about money and the paper lists weapons " * 2)
    together = fitted.predict(texts, toy.targets[:2]).probabilities
    alone = [fitted.predict([text], toy.targets[:1]).probabilities[0] for text in texts]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_words_of_an_answer_are_weighed(fitted: TransformerModel, toy: LabelledTexts) -> None:
    (told,) = fitted.explain(["they promise tanks"], toy.targets[:1], [0])
    assert ["they promise tanks"[span.start : span.end] for span in told.spans] == ["they", "promise", "tanks"]
    assert any(abs(span.weight) > 1e-6 for span in told.spans)


def test_a_long_text_is_cut_and_its_target_is_not(fitted: TransformerModel, toy: LabelledTexts) -> None:
    long = fitted.predict(["tanks " * 200], toy.targets[:1])
    other = fitted.predict(["tanks " * 200], ["they refuse"])
    assert long.truncated.all() and not np.allclose(long.probabilities, other.probabilities, atol=1e-6)


def test_it_is_packed_for_the_faster_engines_or_refused_before_anything_is_computed(
    fitted: TransformerModel, toy: LabelledTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = fitted.network.config.model_type
    if kind == "bert":
        found = StreamedTransformer(fitted, PackedBert(fitted.network, torch.float32)).predict(toy.texts, toy.targets)
        np.testing.assert_allclose(found.probabilities, fitted.predict(toy.texts, toy.targets).probabilities, atol=1e-5)
        return
    (tmp_path / "run").mkdir()
    saved = classifier.save(fitted, Calibration(), {}, tmp_path / "run", (TARGET,))
    monkeypatch.setattr(TransformerModel, "predict", None)
    with pytest.raises(UserMistake, match=f"read BERT networks with GELU; this model is {kind} .* --engine torch"):
        engines.export(tmp_path / "run", saved, engines.ENGINES, toy.texts, toy)
    assert not (tmp_path / "run" / engines.FOLDER).exists()


def test_training_again_gives_the_same_weights(
    fitted: TransformerModel, new_model: Callable[[], TransformerModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    again = new_model()
    again.fit(toy, toy, tmp_path)
    assert again.fingerprint() == fitted.fingerprint()


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    fitted: TransformerModel, new_model: Callable[[], TransformerModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    class Stopped(Exception):
        pass

    def stop(epoch: int, macro_f1: float) -> None:
        if epoch == 7:
            raise Stopped

    first, second = new_model(), new_model()
    with pytest.raises(Stopped):
        first.fit(toy, toy, tmp_path, stop)
    told: list[int] = []
    second.fit(toy, toy, tmp_path, lambda epoch, macro_f1: told.append(epoch))
    assert told == list(range(7, 17))
    assert second.fingerprint() == fitted.fingerprint()
