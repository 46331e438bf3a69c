"""Read networks and tokenizers from disk: safetensors alone, no code, nothing from the network, faults in one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from ukraine_stance.errors import UserMistake

# What of the last layer a classifier reads: the mean over all tokens, or None for what the library's classifier of the
# architecture does.
Pooling = Literal["mean"] | None


def quiet() -> None:
    """Keep the library's advice and bars off stderr: they speak of our own code, not of the user's."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def read_network(folder: Path, pooling: Pooling = None, **config: Any) -> tuple[Any, list[str]]:  # noqa: ANN401 - transformers is half typed
    """The sequence classifier of a folder in fp32, and the names of weights that the folder lacks: those are random.

    Other keywords go into its config. Raises UserMistake when the folder holds no such network.
    """
    from transformers import AutoModelForSequenceClassification

    if pooling is None:
        return _read(AutoModelForSequenceClassification, folder, config)
    from ukraine_stance.models.mean_pooling import MeanPooledClassifier, read_config

    with _in_one_line(folder):
        described = read_config(folder, config)
    return _read(MeanPooledClassifier, folder, {"config": described})


def with_mean_pooling(encoder: Any) -> Any:  # noqa: ANN401
    """A classifier on the encoder for the labels that its config names; the weights of the classifier are random."""
    from ukraine_stance.models.mean_pooling import MeanPooledClassifier

    return MeanPooledClassifier(encoder.config, encoder)


def read_encoder(folder: Path, **config: Any) -> Any:  # noqa: ANN401
    """The encoder of a folder in fp32 without its pooling layer: it answers with the states of its last layer.

    Keywords go into its config. Raises UserMistake when the folder holds none, or lacks weights of it.
    """
    from transformers import AutoModel

    network, missing = _read(AutoModel, folder, config)
    missing = [name for name in missing if not name.startswith("pooler.")]
    if missing:
        raise UserMistake(f"{folder}: lacks the weights {missing[:3]}; it is no pretrained encoder")
    if getattr(network, "pooler", None) is not None:
        network.pooler = None  # random in many checkpoints, and not used
    return network.eval()


def refuse_too_many_tokens(network: Any, source: Path, max_tokens: int) -> None:  # noqa: ANN401
    """Raise UserMistake where the network has no positions for so many."""
    longest = _positions(network, max_tokens)
    if max_tokens > longest:
        raise UserMistake(f"model.max_tokens: {source.name} reads at most {longest} tokens, not {max_tokens}")


def read_tokenizer(folder: Path) -> Any:  # noqa: ANN401
    """The fast tokenizer of a folder. Raises UserMistake where there is none, or one that cannot pad."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as fault:  # the tokenizers library raises bare Exceptions
        raise UserMistake(f"{folder}: holds no tokenizer that can be read ({_first_line(fault)})") from fault
    if len(tokenizer) <= len(tokenizer.all_special_ids):  # without its files the library makes up an empty one
        raise UserMistake(f"{folder}: holds no vocabulary (no tokenizer.json); copy the tokenizer's files there")
    if not tokenizer.is_fast or tokenizer.pad_token is None:
        raise UserMistake(f"{folder}: its tokenizer has no padding token or no tokenizer.json; choose an encoder")
    return tokenizer


def _positions(network: Any, otherwise: int) -> int:  # noqa: ANN401
    """Tokens that the network has positions for; RoBERTa and its kin spend their first ones on padding."""
    positions = int(getattr(network.config, "max_position_embeddings", otherwise))
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return positions - int(module.padding_idx) - 1
    return positions


def _read(kind: Any, folder: Path, config: dict[str, Any]) -> tuple[Any, list[str]]:  # noqa: ANN401
    import torch

    with _in_one_line(folder):
        network, info = kind.from_pretrained(
            folder,
            dtype=torch.float32,  # else that of the file: half precision neither trains nor compares well
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **config,
        )
    return network, sorted(info["missing_keys"])


@contextmanager
def _in_one_line(folder: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as fault:
        raise UserMistake(f"{folder}: holds no network that fits its config.json ({_first_line(fault)})") from fault


def _first_line(fault: Exception) -> str:
    return next(iter(str(fault).strip().splitlines()), type(fault).__name__)
