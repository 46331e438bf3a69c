"""Two processes that train together, started by torchrun: the result of one, and what happens when one is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from ukraine_stance.corpus import dataset
from ukraine_stance.files import read_json
from ukraine_stance.project import Project

PROBABILITIES = ["p_favor", "p_against", "p_neutral"]
ALONE = (sys.executable, "-m", "ukraine_stance.cli")
TOGETHER = (
    sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "ukraine_stance.cli"
)  # fmt: skip
ACCELERATE = (
    sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1",
    "--main_process_port", "0", "--mixed_precision", "bf16", "--dynamo_backend", "no", "-m", "ukraine_stance.cli",
)  # fmt: skip


@dataclass
class Begun:
    process: subprocess.Popen[str]
    root: Path

    def pid_of(self, rank: int) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        of_rank = f"RANK={rank}\0"
        return next(int(pid) for pid in children if f"\0{of_rank}" in Path(f"/proc/{pid}/environ").read_text())

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


@dataclass
class Place:
    """A project with a config that trains a network of one layer without dropout in moments."""

    root: Path
    config: Path

    @contextmanager
    def begin(self, command: tuple[str, ...], *words: str | Path) -> Iterator[Begun]:
        process = subprocess.Popen(
            [*command, *map(str, words), "--root", str(self.root)], cwd=self.root, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            yield Begun(process, self.root)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def run(self, command: tuple[str, ...], *words: str | Path) -> tuple[int, str, str]:
        with self.begin(command, *words) as begun:
            return begun.end()


@pytest.fixture(scope="module")
def place(
    few_statements: Callable[[Path], Project], tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    root = tmp_path_factory.mktemp("project")
    dataset.build(few_statements(root), None)
    checkpoint = root / "checkpoint"
    checkpoint.mkdir()
    for path in tiny_checkpoint.iterdir():
        (checkpoint / path.name).write_bytes(path.read_bytes())
    shape = json.loads((checkpoint / "config.json").read_text())
    silent = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (checkpoint / "config.json").write_text(json.dumps(shape | silent))
    model = {
        "family": "transformer", "checkpoint": str(checkpoint), "max_tokens": 40, "epochs": 3, "batch_size": 22,
        "learning_rate": 0.001, "warmup_fraction": 0.1, "weight_decay": 0.01, "class_weights": "balanced",
        "patience": 3, "precision": "fp32", "checkpoint_steps": 5,
    }  # fmt: skip
    whole = {
        "name": "tiny", "seed": 3, "data": {"bundled": True, "files": [str(root / "more.jsonl")]}, "model": model,
        "evaluation": {"bootstrap_samples": 100}, "tracking": {"enabled": False},
    }  # fmt: skip
    # 362 bundled ones and 15 more in batches of 22: one batch is of three statements, two of them for one process.
    more = [{"text": f"They promise tank {number}.", "label": "favor", "fold": 2} for number in range(15)]
    (root / "more.jsonl").write_text("".join(json.dumps(one) + "\n" for one in more))
    (root / "tiny.yaml").write_text(json.dumps(whole))
    return Place(root, root / "tiny.yaml")


@pytest.fixture(scope="module")
def alone(place: Place) -> Path:
    code, _, err = place.run(ALONE, "train", place.config, "--out", place.root / "alone")
    assert code == 0, err
    return place.root / "alone"


def weights(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / "model" / "model.safetensors")


def probabilities(run: Path) -> np.ndarray:
    return pd.read_parquet(run / "predictions.parquet")[PROBABILITIES].to_numpy()


def nearly_same(one: Path, other: Path) -> None:
    assert weights(one).keys() == weights(other).keys()
    for name, values in weights(one).items():
        # A key's bias adds the same to every score of a query: its gradient is 0, and Adam makes steps of rounding.
        np.testing.assert_allclose(
            values, weights(other)[name], rtol=0, atol=1e-2 if name.endswith("key.bias") else 1e-5, err_msg=name
        )
    np.testing.assert_allclose(probabilities(one), probabilities(other), rtol=0, atol=1e-6)
    for ours, theirs in zip(*(read_json(run / "history.json")["epochs"] for run in (one, other)), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(place: Place, alone: Path) -> None:
    out = place.root / "together"
    code, said, err = place.run(TOGETHER, "train", place.config, "--out", out)
    assert code == 0, err
    assert said.splitlines()[-1] == str(out) and said.count(str(out)) == 1
    assert err == ""
    assert sum(read_json(out / "provenance.json")["data"]["rows"]["train"].values()) % 22 == 3
    nearly_same(alone, out)
    assert {path.name for path in out.iterdir()} == {path.name for path in alone.iterdir()}
    assert read_json(out / "asked.json")["processes"] == 2


@pytest.mark.slow
def test_accelerate_launch_is_as_good_where_one_process_has_nothing_of_a_batch(place: Place, tmp_path: Path) -> None:
    sets = ("--set", "model.batch_size=2", "--set", "model.epochs=1", "--set", "model.r_drop=2.0")
    one, out = tmp_path / "one", tmp_path / "accelerated"
    assert place.run(ALONE, "train", place.config, *sets, "--out", one)[0] == 0
    code, said, err = place.run(ACCELERATE, "train", place.config, *sets, "--out", out)
    assert code == 0, err
    assert said.splitlines()[-1] == str(out)
    assert sum(read_json(out / "provenance.json")["data"]["rows"]["train"].values()) % 2 == 1
    nearly_same(one, out)


def onward(out: Path) -> str:
    return f"torchrun --nproc-per-node 2 -m ukraine_stance.cli train --resume {out}"


def until_a_checkpoint(begun: Begun, out: Path) -> None:
    waited_until = time.monotonic() + 100
    while not list(out.glob("checkpoints/checkpoint-*/complete.json")):
        assert begun.process.poll() is None and time.monotonic() < waited_until, begun.end()
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_lost_process_ends_all_and_the_run_goes_on(place: Place, tmp_path: Path, lost: int) -> None:
    sets = ("--set", "model.epochs=12", "--set", "model.patience=12")
    whole, out = place.root / "long", tmp_path / "lost"
    if not whole.exists():
        assert place.run(TOGETHER, "train", place.config, *sets, "--out", whole)[0] == 0
    with place.begin(TOGETHER, "train", place.config, *sets, "--out", out) as begun:
        until_a_checkpoint(begun, out)
        os.kill(begun.pid_of(lost), signal.SIGKILL)
        code, said, err = begun.end()
    assert code != 0 and said == ""
    assert not (out / "metrics.json").exists()
    if lost == 1:
        assert f"{out}: interrupted; go on with: {onward(out)}\n" in err
        assert "another of the 2 processes" in err or "told to end by the launcher" in err
    code, _, err = place.run(ALONE, "train", "--resume", out)
    assert code == 2 and len(err.splitlines()) == 1 and "processes: 2 there, 1 here" in err
    code, said, err = place.run(TOGETHER, "train", "--resume", out)
    assert code == 0, err
    assert said.splitlines()[-1] == str(out)
    for name, values in weights(whole).items():
        np.testing.assert_array_equal(values, weights(out)[name], err_msg=name)
    np.testing.assert_array_equal(probabilities(whole), probabilities(out))


@pytest.mark.slow
def test_ctrl_c_leaves_a_run_that_goes_on(place: Place) -> None:
    out = place.root / "experiments" / "runs" / "stopped"
    sets = ("--set", "model.epochs=60", "--set", "model.patience=60", "--set", "tracking.enabled=true")
    with place.begin(TOGETHER, "train", place.config, *sets, "--out", out) as begun:
        until_a_checkpoint(begun, out)
        os.killpg(begun.process.pid, signal.SIGINT)  # as a terminal does it: to the launcher and to all that it started
        code, said, err = begun.end()
    assert code != 0 and said == ""
    assert err.count(f"{out}: interrupted; go on with: {onward(out)}\n") == 1
    assert "ukraine_stance" not in err.replace("-m ukraine_stance.cli", "")  # no traceback through our code
    noted = read_json(out / "mlflow.json")
    shown: Any = mlflow.MlflowClient(noted["uri"]).get_run(noted["run_id"])
    assert shown.info.status == "KILLED" and shown.data.tags["stance.resumable"] == "true"


@pytest.mark.slow
def test_what_processes_cannot_share_is_refused_in_one_line_before_any_work(place: Place, tmp_path: Path) -> None:
    odd = ("--set", "model.batch_size=21")
    code, _, err = place.run(TOGETHER, "train", place.config, *odd, "--out", tmp_path / "odd")
    ours = [line for line in err.splitlines() if line.startswith("model.batch_size")]
    assert code != 0 and ours == [
        "model.batch_size: 21 statements of a step cannot be divided among 2 processes; "
        "set a multiple of it or start another number of processes"
    ]
    assert "exitcode  : 2" in err and list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_model_that_gains_nothing_is_trained_once(place: Place, tmp_path: Path) -> None:
    tfidf = {"family": "tfidf", "c": 8.0, "class_weight": "balanced", "char_ngrams": None}
    quick = {**json.loads(place.config.read_text()), "name": "quick", "model": tfidf}
    (tmp_path / "tfidf.yaml").write_text(json.dumps(quick))
    code, said, err = place.run(TOGETHER, "train", tmp_path / "tfidf.yaml", "--out", tmp_path / "out")
    assert code == 0, err
    assert said.splitlines()[-1] == str(tmp_path / "out")
    assert err == "2 processes: this model is trained by one of them, the others wait\n"
