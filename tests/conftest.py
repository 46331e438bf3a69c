"""What several rooms test with: a tiny random network, statements that are easy to tell apart, MLflow servers."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from io import StringIO
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import settings

from ukraine_stance import cli
from ukraine_stance.labels import TARGET
from ukraine_stance.models import EmbeddingModel, EnsembleModel, TfidfModel, TransformerModel
from ukraine_stance.models.embedding import EmbeddingSettings
from ukraine_stance.models.ensemble import EnsembleSettings
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.models.tfidf import TfidfSettings
from ukraine_stance.models.transformer import TransformerSettings
from ukraine_stance.project import Project

# A shell that starts the tests in the background has them ignore Ctrl-C, and every program that they start after them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time: a change is not refused for what another one did. `make test-all` draws new ones.
settings.register_profile("same", derandomize=True)

REPOSITORY = Path(__file__).parents[1]

_WORDS = (
    ("we will send", "they promise", "the summit backs"),
    ("tanks", "aid", "weapons", "money"),
    ("we refuse", "they block", "the deputy rejects"),
    ("the ministers met about", "the report counts", "the paper lists"),
)


@pytest.fixture(scope="session")
def stance() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in a folder, `cwd`, and tells its exit code and words.

    In this process: each start of a new one costs seconds of imports. What the command sets for its own process ends
    with the call.
    """

    def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
        command, out, err, code = ["stance", *map(str, words)], StringIO(), StringIO(), 0
        handlers = logging.root.handlers[:]
        logging.root.handlers.clear()  # the command makes its own, on the stderr that it finds
        try:
            with (
                contextlib.chdir(cwd),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                patch.object(sys, "argv", command),
                patch.dict(os.environ),
            ):
                cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            logging.root.handlers[:] = handlers
        return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def toy() -> LabelledTexts:
    """36 statements, 12 of each stance; a linear model tells them apart."""
    things = _WORDS[1]
    texts = [f"{verb} {thing}" for verbs in (_WORDS[0], *_WORDS[2:]) for verb, thing in product(verbs, things)]
    return LabelledTexts(tuple(texts), (TARGET,) * len(texts), np.repeat([0, 1, 2], 12))


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random one-layer BERT without a head: width 32, 40 positions, words and letters as tokens."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.set_num_threads(1)  # tiny tensors gain nothing from more, and lose much on a busy machine
    folder = tmp_path_factory.mktemp("tiny-bert")
    words = sorted({word for phrases in _WORDS for phrase in phrases for word in phrase.split()} | set(TARGET.split()))
    letters = [token for letter in ascii_lowercase for token in (letter, f"##{letter}")]
    tokens = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *map(str.lower, words), *letters])
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=40,
            pad_token_id=0,
            initializer_range=0.2,  # random layers that tell words apart learn in a few steps
        )
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def new_tfidf() -> Callable[..., TfidfModel]:
    """Makes an untrained TF-IDF model; keywords change its settings."""
    usual = {
        "word_ngrams": (1, 2), "char_ngrams": (3, 4), "min_documents": 1, "sublinear": True, "c": 8.0,
        "class_weight": "balanced",
    }  # fmt: skip
    return lambda **changed: TfidfModel(TfidfSettings(**{**usual, **changed}))


@pytest.fixture(scope="session")
def new_transformer(tiny_checkpoint: Path) -> Callable[..., TransformerModel]:
    """Makes an untrained transformer on the tiny checkpoint; keywords change its settings."""
    usual = {
        "checkpoint": str(tiny_checkpoint), "checkpoint_sha256": None, "revision": None, "max_tokens": 32,
        "target_in_input": True, "epochs": 3, "batch_size": 4, "learning_rate": 1e-2, "warmup_fraction": 0.0,
        "weight_decay": 0.0, "class_weights": "balanced", "patience": 5, "precision": "fp32", "seed": 2,
    }  # fmt: skip
    return lambda **changed: TransformerModel(TransformerSettings(**{**usual, **changed}))


@pytest.fixture(scope="session")
def new_pooled(new_transformer: Callable[..., TransformerModel]) -> Callable[..., TransformerModel]:
    """Makes an untrained transformer that reads the mean over all tokens."""
    return partial(new_transformer, pooling="mean")


@pytest.fixture(scope="session")
def new_embedding(tiny_checkpoint: Path) -> Callable[..., EmbeddingModel]:
    """Makes an untrained model on the tiny checkpoint's embeddings; keywords change its settings."""
    usual = {
        "checkpoint": str(tiny_checkpoint), "checkpoint_sha256": None, "revision": None, "max_tokens": 32, "c": 1000.0,
        "class_weight": None,
    }  # fmt: skip
    return lambda **changed: EmbeddingModel(EmbeddingSettings(**{**usual, **changed}))


@pytest.fixture(scope="session")
def new_ensemble(
    new_tfidf: Callable[..., TfidfModel], new_transformer: Callable[..., TransformerModel]
) -> Callable[..., EnsembleModel]:
    """Makes an untrained ensemble of the two; keywords change its settings."""
    usual = {"folds": 2, "c": 1.0, "seed": 2}
    return lambda **changed: EnsembleModel(EnsembleSettings(**{**usual, **changed}), (new_tfidf, new_transformer))


@dataclass
class Server:
    """An `mlflow server` of its own folder, on one port."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}",
            "--artifacts-destination", str(self.folder / "artifacts"),
        ]  # fmt: skip
        log = (self.folder / "server.log").open("wb")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        for _ in range(1200):
            if self._answers():
                return
            time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text())

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Gives a port that nobody listens on."""
    return _free_port


@pytest.fixture(scope="session")
def new_server() -> Iterator[Callable[[Path], Server]]:
    """Starts a real MLflow server that keeps all it has in a folder; it is stopped when the tests end."""
    servers: list[Server] = []

    def start(folder: Path) -> Server:
        servers.append(Server(folder, _free_port()))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


@pytest.fixture(scope="session")
def few_statements() -> Callable[..., Project]:
    """Makes a project with few of the bundled statements, not yet built: training on it takes a moment."""

    def make(root: Path, every: int = 18) -> Project:
        for path in (REPOSITORY / "data" / "statements").glob("*.jsonl"):
            few = root / "data" / "statements" / path.name
            few.parent.mkdir(parents=True, exist_ok=True)
            few.write_text(
                "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[::every]), encoding="utf-8"
            )
        return Project(root)

    return make
