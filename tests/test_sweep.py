"""A sweep: judged on validation alone, the same after a kill, kept in its folder and shown by MLflow."""

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from mlflow import MlflowClient
from optuna import TrialPruned

from ukraine_stance import fitting, tracking
from ukraine_stance import sweep as recipe
from ukraine_stance.config import SweepConfig, load
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.dataset import Dataset
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import read_json
from ukraine_stance.project import Project
from ukraine_stance.sweep import Sweep

REPOSITORY = Path(__file__).parents[1]
TFIDF = REPOSITORY / "configs" / "train" / "tfidf.yaml"


@pytest.fixture(scope="module")
def project(few_statements: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = few_statements(tmp_path_factory.mktemp("project"))
    dataset.build(made, None)
    text = TFIDF.read_text(encoding="utf-8").replace("char_ngrams: [3, 5]", "char_ngrams: null")
    (made.root / "x.yaml").write_text(text + "  enabled: false\n", encoding="utf-8")
    return made


def wanted(project: Project, trials: int = 4, **changed: Any) -> SweepConfig:
    values = {
        "config": str(project.root / "x.yaml"), "trials": trials, "seed": 3, "prune": False,
        "log_uniform": {"model.c": (0.25, 64)}, "choices": {"model.word_ngrams": ((1, 1), (1, 2))},
    }  # fmt: skip
    return SweepConfig(**{**values, **changed})


@pytest.fixture(scope="module")
def done(project: Project) -> Sweep:
    return recipe.sweep(project, wanted(project), project.root / "done")


def told(found: Sweep) -> list[tuple[dict[str, str], float | None, str]]:
    return [(one.values, one.score, one.outcome) for one in found.trials]


def test_every_trial_has_its_values_and_the_best_is_ready_to_train(project: Project, done: Sweep) -> None:
    assert len(done.trials) == 4 and len({one.values["model.c"] for one in done.trials}) == 4
    assert done.best.score == max(one.score or 0 for one in done.trials)
    best = load(done.best_config).config
    assert best.name == "tfidf-swept" and repr(best.model.c) == done.best.values["model.c"]
    assert (done.folder / "trials.csv").read_text().count("COMPLETE") == 4


def test_the_score_is_that_of_the_validation_fold(project: Project, done: Sweep, tmp_path: Path) -> None:
    from sklearn.metrics import f1_score

    config = load(done.best_config).config
    data = dataset.load(project, config.data)
    validation = data.part("validation")
    fitted = fitting.fit(config, data.part("train"), validation, "x", tmp_path, tmp_path / "checkpoints")
    answers = fitted.classifier.score(list(validation["text"]))["stance"]
    assert done.best.score == pytest.approx(f1_score(validation["label"], answers, average="macro"))


def test_values_that_the_data_refuse_end_their_trial_and_not_the_search(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = {"log_uniform": {}, "choices": {"model.min_documents": (1, 4000)}, "trials": 8}
    found = recipe.sweep(project, wanted(project, **both), tmp_path / "s")
    assert {one.values["model.min_documents"] for one in found.trials} == {"1", "4000"}
    for one in found.trials:
        assert (one.score is None) == (one.outcome == "refused") == (one.values["model.min_documents"] == "4000")
    assert found.best.values == {"model.min_documents": "1"}
    assert "refused (model.min_documents=4000): model: no term of" in capsys.readouterr().err


def test_the_sweep_of_the_next_seed_tries_other_values(project: Project, done: Sweep, tmp_path: Path) -> None:
    found = recipe.sweep(project, wanted(project, trials=3, seed=4), tmp_path / "s")
    assert not {one.values["model.c"] for one in found.trials} & {one.values["model.c"] for one in done.trials}


@pytest.mark.parametrize("choices", [{}, {"model.checkpoint": ("./not-there", "./nor-there")}])
def test_weights_that_are_missing_leave_no_folder(project: Project, tmp_path: Path, choices: dict[str, Any]) -> None:
    text = (TFIDF.parent / "embedding.yaml").read_text(encoding="utf-8")
    text = text.replace("checkpoint: sentence-transformers/all-MiniLM-L6-v2", "checkpoint: ./not-there")
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    asked = wanted(project, config=str(tmp_path / "x.yaml"), log_uniform={"model.c": (1, 9)}, choices=choices)
    with pytest.raises(UserMistake, match=r"model\.checkpoint: there is no folder \./not-there"):
        recipe.sweep(project, asked, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_several_processes_are_refused_before_any_trial(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserMistake, match="start it without torchrun"):
        recipe.sweep(project, wanted(project), tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_search_in_which_nothing_can_be_trained_says_so(project: Project, tmp_path: Path) -> None:
    none = {"log_uniform": {}, "choices": {"model.min_documents": (4000, 4001)}, "trials": 2}
    with pytest.raises(UserMistake, match="s: no trial came to its end; give other values, and another --out"):
        recipe.sweep(project, wanted(project, **none), tmp_path / "s")


@pytest.mark.parametrize("way", ["uniform", "log_uniform"])
def test_whole_ends_keep_no_fraction_from_a_key_that_takes_them(project: Project, tmp_path: Path, way: str) -> None:
    ranges = {"log_uniform": {}, way: {"model.c": (1, 10), "model.min_documents": (1, 3)}, "choices": {}}
    found = recipe.sweep(project, wanted(project, **ranges), tmp_path / "s")
    assert any(not float(one.values["model.c"]).is_integer() for one in found.trials)
    assert {one.values["model.min_documents"] for one in found.trials} <= {"1", "2", "3"}


@pytest.mark.parametrize("name", ["a" * 80, "b" * 73 + "-cdefgh", "c" * 74])
def test_the_best_config_of_an_experiment_with_a_long_name_is_valid(
    project: Project, tmp_path: Path, name: str
) -> None:
    config = tmp_path / "long.yaml"
    config.write_text((project.root / "x.yaml").read_text().replace("name: tfidf\n", f"name: {name}\n"))
    found = recipe.sweep(project, wanted(project, trials=1, config=str(config)), tmp_path / "s")
    best = load(found.best_config).config.name
    assert best.endswith("-swept") and name.startswith(best.removesuffix("-swept"))


def test_the_test_is_never_looked_at(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    part = Dataset.part
    monkeypatch.setattr(Dataset, "part", lambda data, name: asked.append(name) or part(data, name))
    recipe.sweep(project, wanted(project, trials=1), tmp_path / "s")
    assert set(asked) == {"train", "validation"}


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_interrupted_it_goes_on_to_the_same_trials(
    project: Project, done: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
) -> None:
    fit, fits = fitting.fit, []

    def fit_twice(*arguments: Any) -> Any:
        fits.append(1)
        if len(fits) == 3:
            raise fault
        return fit(*arguments)

    monkeypatch.setattr(fitting, "fit", fit_twice)
    with pytest.raises(fault):
        recipe.sweep(project, wanted(project), tmp_path / "s")
    assert not (tmp_path / "s" / "work").exists()
    again = recipe.sweep(project, wanted(project), tmp_path / "s")
    assert told(again) == told(done) and len(fits) == 5
    assert again.best_config.read_bytes() == done.best_config.read_bytes()


@pytest.mark.parametrize(
    "name", ["ukraine_stance.runs.write_json", "optuna.create_study", "optuna.study.Study.set_user_attr"]
)
@pytest.mark.parametrize("done_before", [False, True])
def test_killed_while_it_begins_it_leaves_nothing_in_the_way(
    project: Project, done: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, done_before: bool
) -> None:
    module, _, function = name.rpartition(".")
    original = getattr(resolve_name(module), function)

    def killed(*arguments: Any, **named: Any) -> None:
        if done_before:
            original(*arguments, **named)
        kill()

    with monkeypatch.context() as broken:
        broken.setattr(name, killed)
        sweep_until_killed(project, wanted(project), tmp_path / "s")
    assert told(recipe.sweep(project, wanted(project, trials=1), tmp_path / "s")) == told(done)[:1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]


def test_a_finished_sweep_tries_nothing_and_more_trials_go_on(
    project: Project, done: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []
    fit = fitting.fit
    monkeypatch.setattr(fitting, "fit", lambda *arguments: fits.append(1) or fit(*arguments))
    assert told(recipe.sweep(project, wanted(project), done.folder)) == told(done) and not fits
    more = recipe.sweep(project, wanted(project, trials=5), done.folder)
    assert told(more)[:4] == told(done) and len(fits) == 1


def test_a_folder_of_another_sweep_is_refused(project: Project, done: Sweep, tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match="holds a sweep of another experiment, other values"):
        recipe.sweep(project, wanted(project, choices={"model.sublinear": (True, False)}), done.folder)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a").touch()
    with pytest.raises(UserMistake, match="exists and is no sweep"):
        recipe.sweep(project, wanted(project), tmp_path / "letters")


def test_a_value_that_the_model_does_not_take_is_refused_before_any_trial(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match=r"uniform.model.c: must be above 0, found the whole number -1"):
        recipe.sweep(project, wanted(project, log_uniform={}, uniform={"model.c": (-1, 2)}), tmp_path / "s")
    with pytest.raises(UserMistake, match="unknown key"):
        recipe.sweep(project, wanted(project, choices={"model.epochs": (1, 2)}), tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_config_check_and_sweep_tell_the_same_faults_of_a_sweep(project: Project, stance: Callable[..., Any]) -> None:
    text = "config: x.yaml\ntrials: 2\nlog_uniform:\n  model.min_docments: [1, 2]\nuniform:\n  model.c: [-1, 2]\n"
    (project.root / "wrong.yaml").write_text(text, encoding="utf-8")
    said = [
        "wrong.yaml:4:3: log_uniform.model.min_docments: unknown key (did you mean 'min_documents'?)",
        "wrong.yaml:6:3: uniform.model.c: must be above 0, found the whole number -1",
    ]
    for words in (["config", "check", "wrong.yaml"], ["sweep", "wrong.yaml", "--out", "wrong"]):
        refused = stance(*words, cwd=project.root)
        assert (refused.returncode, refused.stderr.splitlines()) == (2, said)
    assert not (project.root / "wrong").exists()


def test_hopeless_trials_end_early(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, fits, fitted = fitting.fit, [], []

    def fit_watched(*arguments: Any) -> Any:
        fits.append(1)
        *others, watch = arguments
        watch(1, 0.5 if len(fits) <= 8 else 0.1)
        fitted.append(fitted[0] if fitted else fit(*others))  # one fit does for all: what they score is not asked here
        return fitted[0]

    monkeypatch.setattr(fitting, "fit", fit_watched)
    found = recipe.sweep(project, wanted(project, trials=9, prune=True), tmp_path / "s")
    assert [one.outcome for one in found.trials] == ["completed"] * 8 + ["pruned"]
    assert found.trials[-1].score == 0.1 and found.best.outcome == "completed"
    patient = recipe.sweep(project, wanted(project, trials=9, prune=False), tmp_path / "patient")
    assert all(one.outcome == "completed" for one in patient.trials)


@pytest.fixture(scope="module")
def empty_store(project: Project) -> Path:
    """An SQLite store of MLflow; a test works on a copy, which is made in no time."""
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MLFLOW_TRACKING_URI", raising=False)
        tracking.check(project)
    return project.mlflow_database


@pytest.fixture
def store(empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{shutil.copy(empty_store, tmp_path / 'store.db')}")
    return MlflowClient(f"sqlite:///{tmp_path / 'store.db'}")


def tracked(project: Project, trials: int = 3, **changed: Any) -> SweepConfig:
    config = project.root / "tracked.yaml"
    config.write_text((project.root / "x.yaml").read_text().replace("enabled: false", "enabled: true"))
    return wanted(project, trials, config=str(config), **changed)


def shown(client: MlflowClient) -> tuple[Any, list[Any]]:
    """The parent and its children in the order of the trials; there is nothing else."""
    experiment = client.get_experiment_by_name("ukraine-stance")
    runs = sorted(client.search_runs([experiment.experiment_id]), key=lambda one: one.info.run_name)
    parent, *children = runs
    assert parent.info.run_name == "sweep-tfidf"
    assert all(one.data.tags["mlflow.parentRunId"] == parent.info.run_id for one in children)
    return parent, children


def before_fit(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Do something before the fit of that number, from 1, and of no other."""
    fit, fits = fitting.fit, []

    def fit_watched(*arguments: Any) -> Any:
        fits.append(1)
        if len(fits) == number:
            act()
        return fit(*arguments)

    monkeypatch.setattr(fitting, "fit", fit_watched)


def stop() -> None:
    raise KeyboardInterrupt


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def sweep_until_killed(*arguments: Any) -> None:
    child = multiprocessing.get_context("fork").Process(target=recipe.sweep, args=arguments)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def test_mlflow_shows_a_parent_with_a_child_for_each_trial(
    project: Project, tmp_path: Path, store: MlflowClient
) -> None:
    found = recipe.sweep(project, tracked(project), tmp_path / "s")
    found = recipe.sweep(project, tracked(project), tmp_path / "s")  # again is harmless
    parent, children = shown(store)
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best.validation.macro_f1"] == found.best.score
    assert "best.yaml" in [one.path for one in store.list_artifacts(parent.info.run_id)]
    for one, trial in zip(children, found.trials, strict=True):
        assert one.data.params == trial.values and one.data.metrics["validation.macro_f1"] == trial.score
        assert (one.info.start_time, one.info.end_time) == (int(trial.started * 1000), int(trial.ended * 1000))
        assert 0 < trial.seconds < 60 and trial.ended <= time.time()
    assert all(before.ended <= after.started for before, after in pairwise(found.trials))


def test_while_a_sweep_runs_mlflow_shows_the_trials_that_ended(
    project: Project, tmp_path: Path, store: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    before_fit(monkeypatch, 3, lambda: seen.append(shown(store)))
    recipe.sweep(project, tracked(project), tmp_path / "s")
    ((parent, children),) = seen
    assert parent.info.status == "RUNNING"
    assert [(one.info.run_name, one.info.status) for one in children] == [(f"trial-{n}", "FINISHED") for n in (0, 1)]


def test_mlflow_shows_how_a_trial_ended(
    project: Project, tmp_path: Path, store: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_fit(monkeypatch, 1, lambda: (_ for _ in ()).throw(TrialPruned))
    several = {"log_uniform": {}, "choices": {"model.min_documents": (1, 4000)}, "trials": 8}
    found = recipe.sweep(project, tracked(project, **several), tmp_path / "s")
    outcomes = [one.data.tags["stance.outcome"] for one in shown(store)[1]]
    assert outcomes == [one.outcome for one in found.trials]
    assert set(outcomes) == {"completed", "pruned", "refused"}


def test_interrupted_it_is_shown_as_killed_and_goes_on_in_the_same_runs(
    project: Project, tmp_path: Path, store: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        before_fit(broken, 2, stop)
        with pytest.raises(KeyboardInterrupt):
            recipe.sweep(project, tracked(project), tmp_path / "s")
    killed, children = shown(store)
    assert (killed.info.status, killed.data.tags["stance.resumable"], len(children)) == ("KILLED", "true", 1)
    seen = []
    before_fit(monkeypatch, 1, lambda: seen.append(shown(store)[0]))
    recipe.sweep(project, tracked(project), tmp_path / "s")
    parent, children = shown(store)
    assert seen[0].info.status == "RUNNING" and parent.info.status == "FINISHED"
    assert parent.info.run_id == killed.info.run_id and parent.data.tags["stance.resumable"] == "false"
    assert [one.data.tags["stance.trial"] for one in children] == ["0", "2", "3"]  # the second was cut off


def test_a_sweep_in_which_nothing_can_be_trained_is_shown_as_failed(
    project: Project, tmp_path: Path, store: MlflowClient
) -> None:
    none = {"log_uniform": {}, "choices": {"model.min_documents": (4000, 4001)}, "trials": 2}
    with pytest.raises(UserMistake, match="no trial came to its end"):
        recipe.sweep(project, tracked(project, **none), tmp_path / "s")
    assert shown(store)[0].info.status == "FAILED"


def test_a_sweep_that_was_killed_is_marked_by_the_next(
    project: Project, tmp_path: Path, store: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = project.runs / "killed"
    with monkeypatch.context() as broken:
        before_fit(broken, 2, kill)
        sweep_until_killed(project, tracked(project), out)
    assert shown(store)[0].info.status == "RUNNING"
    seen = []
    before_fit(monkeypatch, 1, lambda: seen.append(store.get_run(read_json(out / "mlflow.json")["run_id"])))
    recipe.sweep(project, tracked(project, trials=1), tmp_path / "next")
    assert (seen[0].info.status, seen[0].data.tags["stance.resumable"]) == ("KILLED", "true")


@pytest.mark.parametrize("name", ["_log", "MlflowClient.set_terminated"])
def test_killed_while_a_trial_is_sent_it_is_sent_whole_and_not_twice(
    project: Project, tmp_path: Path, store: MlflowClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    owner = MlflowClient if "." in name else tracking
    with monkeypatch.context() as broken:
        broken.setattr(owner, name.rpartition(".")[2], lambda *arguments, **named: kill())
        sweep_until_killed(project, tracked(project), tmp_path / "s")
    assert [one.info.status for one in shown(store)[1]] == ["RUNNING"]
    found = recipe.sweep(project, tracked(project), tmp_path / "s")
    children = shown(store)[1]
    assert [one.data.metrics["validation.macro_f1"] for one in children] == [one.score for one in found.trials]
    assert [one.data.params for one in children] == [one.values for one in found.trials]
    assert {one.info.status for one in children} == {"FINISHED"}


@pytest.mark.slow
def test_a_server_that_goes_away_costs_a_warning_and_gets_what_is_missing_later(
    project: Project,
    new_server: Callable[[Path], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = new_server(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with monkeypatch.context() as broken:
        before_fit(broken, 2, server.kill)
        found = recipe.sweep(project, tracked(project), tmp_path / "s")
    assert [one.outcome for one in found.trials] == ["completed"] * 3 and found.best_config.is_file()
    assert caplog.text.count("the sweep goes on") == 1
    assert f"the same command with --out {found.folder} sends it" in caplog.text
    server.start()
    try:
        client = MlflowClient(server.uri)
        assert (shown(client)[0].info.status, len(shown(client)[1])) == ("RUNNING", 1)
        for _ in range(2):
            recipe.sweep(project, tracked(project), tmp_path / "s")
            assert (shown(client)[0].info.status, len(shown(client)[1])) == ("FINISHED", 3)
    finally:
        server.kill()


def test_the_command_ends_with_the_best_config_and_it_trains(project: Project, stance: Callable[..., Any]) -> None:
    (project.root / "s.yaml").write_text(
        "config: x.yaml\ntrials: 2\nprune: false\nlog_uniform:\n  model.c: [0.5, 8]\n", encoding="utf-8"
    )
    swept = stance("sweep", "s.yaml", "--out", "swept", cwd=project.root)
    assert swept.returncode == 0, swept.stderr
    assert (
        swept.stdout.splitlines()[-1] == "swept/best.yaml" and "looks better on validation than it is" in swept.stdout
    )
    trained = stance("train", "swept/best.yaml", "--out", "best-run", cwd=project.root)
    assert trained.returncode == 0, trained.stderr
    wrong = stance("sweep", "s.yaml", "--set", "trials=none", cwd=project.root)
    assert wrong.returncode == 2 and "expected a whole number" in wrong.stderr
