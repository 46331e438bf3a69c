"""kill -9 and Ctrl-C at many points of a training: it is resumed, and ends with the bits of an undisturbed run."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest

from ukraine_stance.corpus import dataset
from ukraine_stance.files import read_json
from ukraine_stance.models import checkpoints
from ukraine_stance.project import Project

REPOSITORY = Path(__file__).parents[2]

# Loads the libraries once and runs each command in a child of its own; the child kills itself when a function is called
# for the n-th time, which stands for a kill from outside at exactly that moment.
NURSERY = """
import importlib, itertools, json, os, signal, sys
import mlflow, torch, ukraine_stance.models.finetuning, ukraine_stance.train
from ukraine_stance.cli import main

torch.set_num_threads(1)

def at(where, call, signal_number):
    module, _, name = where.partition(":")
    *owners, last = name.split(".")
    owner = importlib.import_module(module)
    for one in owners:
        owner = getattr(owner, one)
    whole, calls = getattr(owner, last), itertools.count(1)
    def stopping(*arguments, **named):
        if next(calls) == call:
            os.kill(os.getpid(), signal_number)
        return whole(*arguments, **named)
    setattr(owner, last, stopping)

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        if asked["at"]:
            at(*asked["at"])
        sys.argv = ["stance", *asked["words"]]
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        except BaseException:
            import traceback; traceback.print_exc()
            code = 99
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

SIGINT, SIGKILL = 2, 9
TRAINER = "transformers:Trainer"
FINETUNING = "ukraine_stance.models.finetuning"
RECIPE = "ukraine_stance.train"

# Where, at which call: one after the other, each start goes on where the last one was killed.
POINTS = (
    (f"{TRAINER}.training_step", 5),  # before the first checkpoint
    (f"{TRAINER}._save_optimizer_and_scheduler", 1),  # inside a checkpoint's write
    (f"{TRAINER}.training_step", 33),  # in the middle of an epoch
    (f"{FINETUNING}:_keep_best", 1),  # after the last epoch
    ("ukraine_stance.runs:write_json", 2),  # all is there but the metrics
)
MORE_POINTS = (
    (f"{TRAINER}._save_checkpoint", 1),  # between the step and its checkpoint
    ("ukraine_stance.models.checkpoints:write_json", 2),  # before a checkpoint is sealed
    (f"{TRAINER}._save_rng_state", 1),
    (f"{TRAINER}._save_checkpoint", 4),  # between evaluation and checkpoint
    ("ukraine_stance.files:os.fsync", 3),
    ("ukraine_stance.models.checkpoints:shutil.rmtree", 1),  # while an old checkpoint goes
    (f"{TRAINER}.evaluate", 1),
    (f"{FINETUNING}:checkpoints.seal", 2),
    (f"{FINETUNING}:shutil.copyfile", 2),  # while what was learned is set aside
    ("ukraine_stance.models.transformer:TransformerModel.save", 1),
    ("ukraine_stance.classifier:write_json", 1),  # a model without its description
    (f"{RECIPE}:assess", 1),
    (f"{RECIPE}:write_page", 1),
    (f"{RECIPE}:model_card", 1),
    ("ukraine_stance.runs:Run.record_results", 1),  # before the predictions
    (f"{RECIPE}:shutil.rmtree", 1),  # finished, with its checkpoints still there
)


@dataclass
class Ended:
    code: int
    out: str
    err: str


@dataclass
class Nursery:
    process: subprocess.Popen[str]
    project: Path

    def run(self, *words: str | Path, at: tuple[str, int] | None = None, signal: int = SIGKILL) -> Ended:
        out, err = self.project / "out.txt", self.project / "err.txt"
        asked = {
            "words": [*map(str, words), "--root", str(self.project)],
            "out": str(out), "err": str(err), "at": [*at, signal] if at else None,
        }  # fmt: skip
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return Ended(int(self.process.stdout.readline()), out.read_text(), err.read_text())


@pytest.fixture(scope="module")
def nursery(few_statements: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    root = tmp_path_factory.mktemp("project")
    dataset.build(few_statements(root, every=6), None)
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    )
    yield Nursery(process, root)
    assert process.stdin
    process.stdin.close()
    process.wait()


@pytest.fixture(scope="module")
def config(nursery: Nursery, tiny_checkpoint: Path) -> Path:
    """A transformer of one layer that trains three epochs in moments."""
    path = nursery.project / "tiny.yaml"
    model = {
        "family": "transformer", "checkpoint": str(tiny_checkpoint), "max_tokens": 40, "epochs": 3, "batch_size": 16,
        "learning_rate": 0.001, "warmup_fraction": 0.1, "weight_decay": 0.01, "class_weights": "balanced",
        "patience": 1, "checkpoint_steps": 7,
    }  # fmt: skip
    whole = {
        "name": "tiny", "seed": 3, "data": {"bundled": True}, "model": model,
        "evaluation": {"bootstrap_samples": 100}, "tracking": {"enabled": False},
    }  # fmt: skip
    path.write_text(json.dumps(whole))
    return path


@pytest.fixture(scope="module")
def undisturbed(nursery: Nursery, config: Path) -> Path:
    ended = nursery.run("train", config, "--out", nursery.project / "undisturbed")
    assert ended.code == 0, ended.err
    return nursery.project / "undisturbed"


def results(folder: Path) -> dict[str, bytes]:
    """Every file that must not depend on when, or in how many goes, it was made."""
    names = ("model", "model.json", "metrics.json", "history.json", "predictions.parquet", "evaluation")
    files = [path for name in names for path in [folder / name, *(folder / name).rglob("*")] if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def same(one: Path, other: Path) -> None:
    assert {"model.json", "metrics.json", "predictions.parquet"} <= results(one).keys()
    assert any(name.endswith("model.safetensors") for name in results(one))
    assert results(one).keys() == results(other).keys()
    assert [name for name, found in results(one).items() if found != results(other)[name]] == []


def killed(nursery: Nursery, *words: str | Path, at: tuple[str, int]) -> None:
    ended = nursery.run(*words, at=at)
    assert ended.code == -SIGKILL, f"not reached {at}: ended with {ended.code}\n{ended.err}"


@pytest.mark.parametrize("points", [POINTS, pytest.param(MORE_POINTS, marks=pytest.mark.slow)], ids=["some", "more"])
def test_killed_again_and_again_it_ends_as_if_undisturbed(
    nursery: Nursery, config: Path, undisturbed: Path, tmp_path: Path, points: tuple[tuple[str, int], ...]
) -> None:
    out = tmp_path / "killed"
    words: tuple[str | Path, ...] = ("train", config, "--out", out)
    for at in points:
        killed(nursery, *words, at=at)
        words = ("train", "--resume", out)
    ended = nursery.run(*words)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1] == str(out)
    same(undisturbed, out)
    assert not (out / "checkpoints").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["killed"]


def test_killed_between_the_two_files_of_a_mean_pooled_network_it_ends_as_if_undisturbed(
    nursery: Nursery, config: Path, tmp_path: Path
) -> None:
    sets = ("--set", "model.pooling=mean", "--set", "model.r_drop=2.0")
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert nursery.run("train", config, *sets, "--out", whole).code == 0
    renamed = "ukraine_stance.models.mean_pooling:write_json"
    killed(nursery, "train", config, *sets, "--out", out, at=(renamed, 2))
    killed(nursery, "train", "--resume", out, at=(renamed, 3))
    assert nursery.run("train", "--resume", out).code == 0
    same(whole, out)


@pytest.mark.slow
def test_training_ends_when_patience_was_spent_before_the_kill(nursery: Nursery, config: Path) -> None:
    sets = ("--set", "model.learning_rate=1e-9", "--set", "evaluation.bootstrap_samples=101")  # no epoch is better
    whole, out = nursery.project / "patient", nursery.project / "impatient"
    assert nursery.run("train", config, *sets, "--out", whole).code == 0
    assert len(read_json(whole / "history.json")["epochs"]) == 2
    killed(nursery, "train", config, *sets, "--out", out, at=(f"{TRAINER}.training_step", 30))
    killed(nursery, "train", "--resume", out, at=(f"{FINETUNING}:_keep_best", 1))
    assert nursery.run("train", "--resume", out).code == 0
    same(whole, out)


def test_a_damaged_checkpoint_is_walked_past(nursery: Nursery, config: Path, undisturbed: Path) -> None:
    out = nursery.project / "damaged"
    killed(nursery, "train", config, "--out", out, at=(f"{TRAINER}.training_step", 31))
    older, newer = sorted((out / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    (newer / "optimizer.pt").write_bytes((newer / "optimizer.pt").read_bytes()[:-1])
    assert checkpoints.newest(out / "checkpoints").folder == older  # type: ignore[union-attr]
    assert nursery.run("train", "--resume", out).code == 0
    same(undisturbed, out)


def test_a_run_that_goes_on_keeps_no_pickle(nursery: Nursery, undisturbed: Path) -> None:
    found = [path.suffix for path in undisturbed.rglob("*") if path.is_file()]
    assert ".safetensors" in found and not {".pt", ".pth", ".bin", ".pkl"} & set(found)


@pytest.mark.slow
def test_an_ensemble_goes_on_with_the_members_that_it_has(nursery: Nursery, config: Path) -> None:
    whole, out = nursery.project / "stacked", nursery.project / "stacked-killed"
    asked = json.loads(config.read_text())
    member = asked.pop("model")
    tfidf = {"family": "tfidf", "c": 8.0, "class_weight": "balanced", "char_ngrams": None}
    asked |= {"name": "both", "model": {"family": "ensemble", "folds": 2}, "tfidf": tfidf, "transformer": member}
    (nursery.project / "both.yaml").write_text(json.dumps(asked))
    assert nursery.run("train", nursery.project / "both.yaml", "--out", whole).code == 0
    words: tuple[str | Path, ...] = ("train", nursery.project / "both.yaml", "--out", out)
    # In the second member of the first part, in that of the second, and in that of all statements.
    for call in (12, 40, 80):
        killed(nursery, *words, at=(f"{TRAINER}.training_step", call))
        words = ("train", "--resume", out)
    assert (out / "checkpoints" / "part-1" / "transformer" / "finished" / "complete.json").is_file()
    assert nursery.run(*words).code == 0
    same(whole, out)


@pytest.fixture(scope="module")
def tfidf(nursery: Nursery) -> Path:
    path = nursery.project / "tfidf.yaml"
    model = {"family": "tfidf", "c": 8.0, "class_weight": "balanced", "char_ngrams": None}
    data = {"name": "quick", "seed": 3, "data": {"bundled": True}, "model": model}
    path.write_text(json.dumps({**data, "evaluation": {"bootstrap_samples": 100}, "tracking": {"enabled": False}}))
    return path


@pytest.fixture
def half(nursery: Nursery, tfidf: Path, tmp_path: Path) -> Path:
    """A TF-IDF run that was killed when it had a model and no metrics."""
    killed(nursery, "train", tfidf, "--out", tmp_path / "half", at=("ukraine_stance.runs:Run.record_results", 1))
    return tmp_path / "half"


def test_a_tfidf_run_that_was_killed_goes_on_and_a_finished_one_says_so(
    nursery: Nursery, tfidf: Path, half: Path, tmp_path: Path
) -> None:
    assert nursery.run("train", tfidf, "--out", tmp_path / "whole").code == 0
    assert nursery.run("train", "--resume", half).code == 0
    assert results(half) == results(tmp_path / "whole")
    before = (half / "metrics.json").stat().st_mtime_ns
    again = nursery.run("train", "--resume", half)
    assert again.code == 0 and f"{half}: finished before" in again.err
    assert again.out.splitlines()[-1] == str(half)
    assert (half / "metrics.json").stat().st_mtime_ns == before


def test_a_run_that_did_not_finish_is_not_used_and_says_how_it_goes_on(nursery: Nursery, half: Path) -> None:
    assert (half / "model.json").is_file()
    for command in ("evaluate", "publish"):
        refused = nursery.run(command, half)
        assert refused.code == 2
        assert refused.err.strip() == f"{half}: this run did not finish; go on with: stance train --resume {half}"


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("config.yaml", "c: 8.0", "c: 4.0", "config.model.c: 8.0 there, 4.0 here"),
        ("asked.json", '"threads": ', '"threads": 1', "threads: 1"),
        ("asked.json", '"numpy": "', '"numpy": "0.', "versions.numpy: 0."),
        ("asked.json", '"code": "', '"code": "0', "other code"),
        ("asked.json", '"data": "', '"data": "0', "other data"),
    ],
)
def test_what_has_changed_since_a_run_began_is_named_and_refused(
    nursery: Nursery, half: Path, file: str, old: str, new: str, named: str
) -> None:
    path = half / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    refused = nursery.run("train", "--resume", half)
    assert refused.code == 2 and len(refused.err.splitlines()) == 1
    assert named in refused.err and "would not give the same result" in refused.err
    assert (half / "model.json").is_file()


@pytest.mark.parametrize("more", [("--set", "model.c=1"), ("config",), ("--out", "there"), ("--force",)])
def test_a_run_goes_on_as_it_began(nursery: Nursery, half: Path, tfidf: Path, more: tuple[str, ...]) -> None:
    refused = nursery.run("train", "--resume", half, *(str(tfidf) if word == "config" else word for word in more))
    assert refused.code == 2 and "goes on as the run began" in refused.err


def test_a_folder_that_is_no_run_is_not_resumed(nursery: Nursery, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        refused = nursery.run("train", "--resume", folder)
        assert refused.code == 2 and "no run that can be resumed" in refused.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_replacement_does_not_cost_the_run_that_it_replaces(
    nursery: Nursery, tfidf: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert nursery.run("train", tfidf, "--out", out).code == 0
    first = results(out)
    for _ in range(2):
        killed(nursery, "train", tfidf, "--out", out, "--force", at=("ukraine_stance.runs:Run.record_results", 1))
    assert results(tmp_path / ".run.replaced") == first
    assert nursery.run("train", "--resume", out).code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def shown(project: Path, run: Path) -> Any:
    noted = read_json(run / "mlflow.json")
    return mlflow.MlflowClient(noted["uri"]).get_run(noted["run_id"])


@pytest.mark.parametrize("onward", [("publish",), ("train", "--resume")])
def test_a_run_stopped_while_it_is_sent_is_shown_as_such_until_it_is_sent(
    nursery: Nursery, tfidf: Path, tmp_path: Path, onward: tuple[str, ...]
) -> None:
    out = tmp_path / "run"
    sending = ("ukraine_stance.tracking:_send_files", 1)
    ended = nursery.run("train", tfidf, "--set", "tracking.enabled=true", "--out", out, at=sending, signal=SIGINT)
    assert ended.code == 130 and "Traceback" not in ended.err
    assert f"{out}: complete, and kept; send it to MLflow with: stance publish {out}\n" in ended.err
    found = shown(nursery.project, out)
    assert found.info.status == "KILLED" and found.data.tags["stance.resumable"] == "true"

    killed(nursery, *onward, out, at=sending)
    assert nursery.run("publish", tmp_path).code == 2
    found = shown(nursery.project, out)
    assert found.info.status == "KILLED" and found.data.tags["stance.resumable"] == "true"

    assert nursery.run(*onward, out).code == 0
    found = shown(nursery.project, out)
    assert found.info.status == "FINISHED" and found.data.tags["stance.resumable"] == "false"


def test_interrupted_and_dead_runs_are_shown_as_such_until_they_go_on(
    nursery: Nursery, tfidf: Path, tmp_path: Path
) -> None:
    tracked = ("train", tfidf, "--set", "tracking.enabled=true")
    out = tmp_path / "anywhere" / "stopped"
    ended = nursery.run(*tracked, "--out", out, at=("ukraine_stance.runs:Run.record_results", 1), signal=SIGINT)
    assert ended.code == 130 and "Traceback" not in ended.err
    assert f"{out}: interrupted; go on with: stance train --resume {out}\n" in ended.err
    assert not (out / "metrics.json").exists()
    found = shown(nursery.project, out)
    assert found.info.status == "KILLED" and found.data.tags["stance.resumable"] == "true"

    killed(nursery, "train", "--resume", out, at=("ukraine_stance.runs:Run.record_results", 1))
    found = shown(nursery.project, out)
    assert found.info.status == "RUNNING" and found.data.tags["stance.resumable"] == "false"

    assert nursery.run("publish", tmp_path).code == 2  # any command that looks there sees the dead one
    found = shown(nursery.project, out)
    assert found.info.status == "KILLED" and found.data.tags["stance.resumable"] == "true"

    run_id = found.info.run_id
    assert nursery.run("train", "--resume", out).code == 0
    found = shown(nursery.project, out)
    assert found.info.status == "FINISHED" and found.info.run_id == run_id
    assert found.data.tags["stance.resumable"] == "false" and found.data.metrics["test.macro_f1"] > 0


NOTED, FITTED = "ukraine_stance.tracking:_note", "ukraine_stance.fitting:fit"


@pytest.mark.parametrize("left", ["unnoted", "removed", "begun again"])
def test_a_dead_run_whose_folder_knows_nothing_of_it_is_shown_as_killed(
    nursery: Nursery, tfidf: Path, tmp_path: Path, left: str
) -> None:
    out, tracked = tmp_path / left, ("train", tfidf, "--set", "tracking.enabled=true", "--out")
    assert nursery.run(*tracked, tmp_path / "before").code == 0
    client = mlflow.MlflowClient(read_json(tmp_path / "before" / "mlflow.json")["uri"])
    killed(nursery, *tracked, out, at=(NOTED if left == "unnoted" else FITTED, 1))
    experiments = [one.experiment_id for one in client.search_experiments()]
    (dead,) = client.search_runs(experiments, f"tags.`stance.folder` = '{out}'")
    assert dead.info.status == "RUNNING"
    if left == "removed":
        shutil.rmtree(out)
    if left == "begun again":
        (out / "mlflow.json").unlink()
        killed(nursery, "train", "--resume", out, at=(FITTED, 1))
    assert nursery.run(*tracked, tmp_path / "next").code == 0
    found = client.get_run(dead.info.run_id)
    assert found.info.status == "KILLED" and found.data.tags.get("stance.resumable") != "true"


def test_a_run_that_was_killed_when_all_was_sent_is_finished_by_publishing_it(
    nursery: Nursery, tfidf: Path, tmp_path: Path
) -> None:
    tracked, out = ("train", tfidf, "--set", "tracking.enabled=true"), tmp_path / "run"
    # MLflow's own functions call it twice before.
    killed(nursery, *tracked, "--out", out, at=("mlflow:MlflowClient.set_terminated", 3))
    assert nursery.run("train", tfidf, "--set", "tracking.enabled=true", "--out", tmp_path / "next").code == 0
    assert shown(nursery.project, out).info.status == "KILLED"
    assert nursery.run("publish", out).code == 0
    assert shown(nursery.project, out).info.status == "FINISHED"
