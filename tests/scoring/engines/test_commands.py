"""`stance export` and `stance score --engine` as a user meets them."""

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ukraine_stance.project import Project
from ukraine_stance.scoring import engines
from ukraine_stance.scoring.engines import admission, building

Stance = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def fewer_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "TEXTS", 300)


@pytest.fixture(scope="module")
def project(
    few_statements: Callable[..., Project], tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory,
    stance: Stance,
) -> Path:  # fmt: skip
    """A built project with a trained transformer of one layer in `tiny`, and a file of statements."""
    root = few_statements(tmp_path_factory.mktemp("project")).root
    model = {
        "family": "transformer", "checkpoint": str(tiny_checkpoint), "max_tokens": 40, "epochs": 2, "batch_size": 16,
        "learning_rate": 0.001, "warmup_fraction": 0.1, "weight_decay": 0.01, "class_weights": "balanced",
        "patience": 1,
    }  # fmt: skip
    config = {
        "name": "tiny", "seed": 3, "data": {"bundled": True}, "model": model,
        "evaluation": {"bootstrap_samples": 100}, "tracking": {"enabled": False},
    }  # fmt: skip
    (root / "tiny.yaml").write_text(json.dumps(config))
    (root / "in.csv").write_text("text\nwe will send aid\nthey block money\n")
    for words in (("data", "build"), ("train", "tiny.yaml", "--out", "tiny")):
        done = stance(*words, cwd=root)
        assert done.returncode == 0, done.stderr
    return root


def scored(project: Path, stance: Stance, out: str, *more: str) -> tuple[int, str, set[str]]:
    done = stance("score", "in.csv", "--model", "tiny", "--out", out, *more, cwd=project)
    if done.returncode:
        return done.returncode, done.stderr, set()
    with (project / out).open(newline="") as file:
        return 0, done.stderr, {row["model_id"].partition("+")[2] for row in csv.DictReader(file)}


def test_an_engine_is_made_measured_and_used(project: Path, stance: Stance) -> None:
    done = stance("export", "tiny", "--engine", "torch-packed", cwd=project)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("admitted torch-packed: 100.00% of 300 labels as in fp32")
    assert scored(project, stance, "packed.csv", "--engine", "torch-packed") == (0, "", {"torch-packed"})
    assert scored(project, stance, "plain.csv", "--engine", "torch") == (0, "", {""})


def test_an_engine_that_was_never_measured_is_a_mistake_of_one_line(project: Path, stance: Stance) -> None:
    code, said, _ = scored(project, stance, "never.csv", "--engine", "torch-bf16")
    assert code == 2 and said.count("\n") == 1 and "run stance export" in said
    assert not (project / "never.csv").exists()


def test_an_engine_that_is_refused_ends_with_3_and_scores_nothing(
    project: Path, stance: Stance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "_SAME_LABELS", 1.01)
    done = stance("export", "tiny", "--engine", "torch-packed", "--json", cwd=project)
    assert done.returncode == 3 and "labels are those of fp32, not 101%" in done.stderr
    assert json.loads(done.stdout)[0]["faults"]
    code, said, _ = scored(project, stance, "refused.csv", "--engine", "torch-packed")
    assert code == 3 and "torch-packed is refused" in said
    assert scored(project, stance, "auto.csv") == (0, "", {""})


def test_all_leaves_out_what_needs_a_missing_package_and_says_so(
    project: Path, stance: Stance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ENGINES", ("torch-packed", "openvino-bf16"))
    monkeypatch.setitem(building._PACKAGES, "openvino-bf16", "no-such-package")
    done = stance("export", "tiny", cwd=project)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1
    assert "left out: openvino-bf16 needs the package no-such-package" in done.stderr
    named = stance("export", "tiny", "--engine", "openvino-bf16", cwd=project)
    assert named.returncode == 2 and "pip install 'ukraine-stance[no-such-package]'" in named.stderr


def test_a_folder_that_is_no_run_is_named(project: Path, stance: Stance) -> None:
    done = stance("export", "nowhere", cwd=project)
    assert done.returncode == 2 and done.stderr.startswith("nowhere: ") and done.stderr.count("\n") == 1
