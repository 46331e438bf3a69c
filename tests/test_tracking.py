"""Runs mirrored in a real MLflow server and in the default SQLite store."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from ukraine_stance import runs, tracking
from ukraine_stance import train as recipe
from ukraine_stance.classifier import OUTPUT_COLUMNS, load
from ukraine_stance.config import load as load_config
from ukraine_stance.corpus import dataset
from ukraine_stance.errors import ServiceGone, UserMistake
from ukraine_stance.files import read_json
from ukraine_stance.project import Project
from ukraine_stance.runs import Run

REPOSITORY = Path(__file__).parents[1]
CONFIG = REPOSITORY / "configs" / "train" / "tfidf.yaml"

Server = Any  # conftest's
NewServer = Callable[[Path], Server]


@pytest.fixture(scope="module")
def server(new_server: NewServer, tmp_path_factory: pytest.TempPathFactory) -> Server:
    return new_server(tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def project(few_statements: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = few_statements(tmp_path_factory.mktemp("project"))
    dataset.build(made, None)
    return made


@pytest.fixture(scope="module")
def mirrored(server: Server, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLFLOW_TRACKING_URI", server.uri)
        return _train(project, tmp_path_factory.mktemp("mirrored") / "run", registered_model="mirrored")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


def _train(project: Project, out: Path, **tracking_values: object) -> Run:
    sets = [f"tracking.{name}={value}" for name, value in tracking_values.items()]
    return recipe.train(project, load_config(CONFIG, ["evaluation.bootstrap_samples=100", *sets]).config, out)


def test_a_run_is_mirrored_in_a_server(server: Server, mirrored: Run) -> None:
    run = mirrored
    shown = mlflow.MlflowClient(server.uri).get_run(read_json(run.mirror)["run_id"])
    metrics = read_json(run.metrics)
    test = next(part for part in metrics["parts"] if part["part"] == "test")
    assert shown.info.status == "FINISHED"
    assert shown.data.params["model.c"] == "8.0"
    assert shown.data.metrics["test.macro_f1"] == test["estimates"]["macro_f1"]["value"]
    assert shown.data.metrics["test.macro_f1.low"] == test["estimates"]["macro_f1"]["low"]
    assert shown.data.tags["stance.data_sha256"] == read_json(run.provenance)["data"]["sha256"]
    assert shown.inputs.dataset_inputs[0].dataset.digest == read_json(run.provenance)["data"]["sha256"][:32]
    files = {entry.path for entry in mlflow.MlflowClient(server.uri).list_artifacts(shown.info.run_id)}
    assert {"config.yaml", "metrics.json", "provenance.json", "predictions.parquet", "README.md"} <= files


def test_a_registered_model_gives_as_many_rows_as_it_is_given(server: Server, mirrored: Run) -> None:
    mlflow.set_tracking_uri(server.uri)
    texts = ["They will send more.", "They will send no more.", "They met in the harbour town."]
    scored = mlflow.pyfunc.load_model("models:/mirrored/1").predict(pd.DataFrame({"text": texts, "id": [7, 8, 9]}))
    assert list(scored["text"]) == texts and list(scored["id"]) == [7, 8, 9]
    own = mirrored.load().predict(texts)
    pd.testing.assert_frame_equal(scored[list(OUTPUT_COLUMNS)], own[list(OUTPUT_COLUMNS)])


def test_a_model_is_found_by_run_version_and_alias(
    server: Server, project: Project, mirrored: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    mlflow.MlflowClient(server.uri).set_registered_model_alias("mirrored", "champion", "1")
    run_id = read_json(mirrored.mirror)["run_id"]
    for name in (f"runs:/{run_id}", "models:/mirrored/1", "models:/mirrored@champion"):
        assert load(tracking.model_folder(project, name)).model_id == mirrored.load().model_id


@pytest.mark.parametrize("name", ["models:/absent@champion", "models:/absent/1", "runs:/0123456789abcdef"])
def test_an_unknown_model_is_one_clear_line(project: Project, name: str) -> None:
    tracking.check(project)  # makes the store
    with pytest.raises(UserMistake, match="no such model") as caught:
        tracking.model_folder(project, name)
    assert "\n" not in str(caught.value)


def test_looking_for_a_model_where_there_is_no_store_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for look in (tracking.model_folder, tracking.pinned):
        with pytest.raises(UserMistake, match=r"models:/some@champion: there is no MLflow store at .*; name the"):
            look(Project(tmp_path), "models:/some@champion")
    assert list(tmp_path.iterdir()) == []


def test_a_dead_server_stops_a_run_before_training(
    project: Project, free_port: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://someone:secret@127.0.0.1:{free_port()}")
    started = time.monotonic()
    with pytest.raises(ServiceGone, match="does not answer") as caught:
        _train(project, tmp_path / "run")
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)
    assert not (tmp_path / "run").exists()
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_a_server_that_dies_while_training_costs_nothing(
    project: Project,
    new_server: NewServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dying = new_server(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", dying.uri)
    fit = recipe._fit_and_evaluate

    def fit_and_lose_the_server(*arguments: object) -> None:
        dying.kill()
        fit(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(recipe, "_fit_and_evaluate", fit_and_lose_the_server)
    run = _train(project, tmp_path / "run", registered_model="late")
    assert run.load().predict(["They will send more."]).shape[0] == 1
    assert f"stance publish {run.folder}" in caplog.text
    assert read_json(run.mirror)["published"] is False

    dying.start()
    config = load_config(run.config).config.model_dump(mode="json")
    try:
        for _ in range(2):  # the second time finds everything there
            mirror = tracking.publish(project, runs.open_finished(run.folder), config)
        client = mlflow.MlflowClient(dying.uri)
        assert mirror.run_id == read_json(run.mirror)["run_id"]
        assert client.get_run(mirror.run_id).info.status == "FINISHED"
        assert len(client.search_runs([client.get_experiment_by_name("ukraine-stance").experiment_id])) == 1
        assert len(client.search_model_versions("name = 'late'")) == 1
    finally:
        dying.kill()


def test_the_default_store_stands_at_the_projects_root(project: Project, tmp_path: Path) -> None:
    run = _train(project, tmp_path / "run")
    assert project.mlflow_database.is_file()
    shown = mlflow.MlflowClient(f"sqlite:///{project.mlflow_database}").get_run(read_json(run.mirror)["run_id"])
    assert Path(shown.info.artifact_uri.removeprefix("file://")).is_relative_to(project.mlflow_artifacts)


def test_a_run_that_fails_is_recorded_as_failed(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("no memory left")

    monkeypatch.setattr(recipe, "_fit_and_evaluate", fail)
    with pytest.raises(RuntimeError):
        _train(project, tmp_path / "run")
    run_id = read_json(tmp_path / "run" / "mlflow.json")["run_id"]
    assert mlflow.MlflowClient(f"sqlite:///{project.mlflow_database}").get_run(run_id).info.status == "FAILED"


@pytest.mark.slow
def test_several_first_openings_of_a_store_at_once_all_succeed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from ukraine_stance import tracking; from ukraine_stance.project import Project; "
        f"tracking.check(Project(Path({str(tmp_path)!r})))"
    )
    openings = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    assert [(opening.communicate()[1][-300:], opening.returncode) for opening in openings] == [(b"", 0)] * 3
