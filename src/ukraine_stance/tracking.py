"""MLflow as a mirror of run folders: a run is opened before training and filled from the finished folder."""

import atexit
import fcntl
import logging
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ukraine_stance import classifier
from ukraine_stance.errors import CheckRefused, ServiceGone, UserMistake
from ukraine_stance.files import has_writer, read_json, write_json
from ukraine_stance.progress import line
from ukraine_stance.project import Project
from ukraine_stance.records import TrialResult
from ukraine_stance.runs import Run, read_metrics, refuse_unfinished

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from mlflow.entities.model_registry import ModelVersion

_MODEL_NAME = "stance-model"
# Lets MLflow's page open on the training runs instead of on traces.
_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
_PUBLISHED = "stance.published"
# Whether a run that was interrupted or died can be gone on with, by `--resume` or the command that was given.
_RESUMABLE = "stance.resumable"
# Where the run folder is on the machine that writes it, and that machine's name.
_FOLDER = "stance.folder"
_HOST = "stance.host"
# Runs looked through for dead ones, the newest first.
_MOST_RUNNING = 1000
_TRIAL = "stance.trial"
# Whether a trial was completed, pruned or refused.
_OUTCOME = "stance.outcome"
# The alias of the registry that names the model in use.
CHAMPION = "champion"
# Characters of a tag's value that every registry takes; this one's own limit is 100,000, that of older servers this.
LONGEST_TAG = 5000
_WRAPPER = Path(__file__).with_name("mlflow_model.py")
_REQUIREMENTS = (
    "mlflow",
    "scikit-learn",
    "skops",
    "torch",
    "transformers",
    "safetensors",
    "pandas",
    "scipy",
    "pyarrow",
    "pydantic",
    "rich",
)

# MLflow has one exception for all of it; what went wrong stands in its text alone.
_UNREACHABLE = {
    "Connection refused": "connection refused",
    "timed out": "timed out",
    "Name or service not known": "unknown host",
    "Temporary failure in name resolution": "unknown host",
    "Connection aborted": "connection aborted",
    "Connection reset": "connection reset",
    "too many 5": "the server failed again and again",
    "Max retries exceeded": "no connection",
}


@dataclass(frozen=True, slots=True)
class Mirror:
    """The MLflow run that shows a run folder."""

    uri: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a model in the registry."""

    name: str
    number: str

    @property
    def uri(self) -> str:
        """Its address, which does not move as an alias does."""
        return f"models:/{self.name}/{self.number}"


def tracking_uri(project: Project) -> str:
    """MLFLOW_TRACKING_URI, else the SQLite store at the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{project.mlflow_database}"


def check(project: Project) -> None:
    """Stop before any work where the store does not answer. Raises ServiceGone with the address and the remedy."""
    with _client(project):  # opening it asks the store
        pass


def start(project: Project, run: Run, experiment: str, name: str) -> Mirror:
    """Open an MLflow run for a run folder and note it there."""
    with _client(project) as client:
        return _opened(client, project, run, experiment, name)


def reopen(project: Project, run: Run, config: dict[str, Any]) -> Mirror:
    """Show that an interrupted run goes on, in the MLflow run noted in its folder where this store has that one."""
    with _client(project) as client:
        mirror = _mirror(client, project, run, config)
        _show_running(client, run, mirror)
        client.set_tag(mirror.run_id, _RESUMABLE, "false")
        _note(run, mirror, published=False)
        return mirror


def fail(project: Project, mirror: Mirror, interrupted: bool) -> None:
    """Record that a run ended without a result; a store that is gone by now is left alone."""
    try:
        with _client(project) as client:
            _end(client, mirror.run_id, "KILLED" if interrupted else "FAILED", interrupted)
    except ServiceGone:
        logging.getLogger(__name__).warning("the tracking store is gone: the run stays open in it")


def mark_dead(project: Project) -> None:
    """Record as killed what is shown as running and stands, or stood here, in a folder that nobody works on.

    It is resumable where the folder is there and notes that it is this run's.
    """
    with _client(project) as client:
        experiments = [one.experiment_id for one in client.search_experiments()]
        for shown in client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=_MOST_RUNNING):
            folder = shown.data.tags.get(_FOLDER)
            noted = _noted_in(Run(Path(folder))) if folder else None
            ours = noted == shown.info.run_id
            if noted is not None and (ours or shown.data.tags.get(_HOST) == platform.node()):
                _end(client, shown.info.run_id, "KILLED", resumable=ours)


def _noted_in(run: Run) -> str | None:
    """The MLflow run that the folder notes, empty where it notes none or is gone.

    None where somebody works on it, or it cannot be looked into.
    """
    try:
        if has_writer(run.folder):
            return None
        return str(read_json(run.mirror)["run_id"]) if run.mirror.is_file() else ""
    except (OSError, ValueError, KeyError):  # another user's, or being written
        return None


@contextmanager
def kept_unsent(folder: Path, how: str) -> Iterator[None]:
    """Around the sending of a folder that is complete: where it fails, a line says so, and how it is sent later.

    What the store or its disk lacks costs a warning; Ctrl-C goes on.
    """
    later = f"{folder}: complete, and kept; {how}"
    try:
        yield
    except (ServiceGone, OSError) as fault:  # the store's disk may be full, too
        logging.getLogger(__name__).warning("%s\n%s", fault, later)
    except KeyboardInterrupt:
        line(later)
        raise


def publish(project: Project, run: Run, config: dict[str, Any]) -> Mirror:
    """Send a finished run folder: params, metrics, dataset digest, files and the model; again is harmless.

    config is the resolved config as plain values. Raises ServiceGone when the store does not answer; what it has by
    then is completed by the next call.
    """
    with _client(project) as client:
        mirror = _mirror(client, project, run, config)
        if client.get_run(mirror.run_id).data.tags.get(_PUBLISHED) == "true":
            return mirror
        with _sending(client, run, mirror):
            _send_figures(client, mirror, run, config)
            _send_files(client, mirror, run)
            _send_model(client, mirror, run, config["tracking"]["registered_model"])
            _close(client, run, mirror)
        return mirror


def publish_cross_validation(project: Project, run: Run, config: dict[str, Any], results: Path) -> Mirror:
    """Send a finished cross-validation as one run: figures of all rounds together, each round's as a step, and files.

    config is the resolved config as plain values. Again is harmless. Raises ServiceGone as `publish` does.
    """
    with _client(project) as client:
        mirror = _mirror(client, project, run, config)
        if client.get_run(mirror.run_id).data.tags.get(_PUBLISHED) == "true":
            return mirror
        from mlflow.entities import Metric

        found, provenance = read_json(results), read_json(run.provenance)
        seconds = int(provenance["started_unix"] * 1000)
        figures = [(name, value, 0) for name, value in _flat_metrics({"parts": [{**found["together"], "part": "all"}]})]
        for step, one in enumerate(found["rounds"], start=1):
            figures += [(name, value, step) for name, value in _flat_metrics({"parts": [{**one, "part": "round"}]})]
        params = {"hold_out": found["hold_out"], "from": found["from"], **dict(_flat(config))}
        tags = {
            "stance.run_folder": run.folder.name,
            "stance.data_sha256": provenance["data"]["sha256"],
            "mlflow.source.name": "stance cross-validate",
            "mlflow.source.git.commit": provenance["commit"] or "",
        }
        with _sending(client, run, mirror):
            _log(client, mirror, params, [Metric(name, value, seconds, step) for name, value, step in figures], tags)
            for path in (run.config, run.provenance, run.predictions, results):
                client.log_artifact(mirror.run_id, str(path))
            client.log_artifacts(mirror.run_id, str(run.evaluation), run.evaluation.name)
            _close(client, run, mirror)
        return mirror


def open_sweep(project: Project, run: Run, config: dict[str, Any]) -> Mirror:
    """Show that a sweep runs: as `reopen` where it was begun before, else as a new run of MLflow.

    config is the experiment's, as plain values.
    """
    return reopen(project, run, _named_sweep(config))


def send_trials(project: Project, sweep: Mirror, trials: Iterable[TrialResult]) -> None:
    """Show trials as children of their sweep; one that is there is left as it is. Raises ServiceGone as `publish`."""
    with _client(project) as client:
        _send_trials(client, sweep, trials)


def publish_sweep(
    project: Project, run: Run, config: dict[str, Any], trials: Sequence[TrialResult], best_config: Path
) -> Mirror:
    """Send a sweep that has come to its end: a parent run with its files, and the trials that are not there yet.

    config is the experiment's, as plain values. Again is harmless. Raises ServiceGone as `publish` does.
    """
    from mlflow.entities import Metric

    with _client(project) as client:
        mirror = _mirror(client, project, run, _named_sweep(config))
        _send_trials(client, mirror, trials)
        provenance = read_json(run.provenance)
        seconds = int(provenance["started_unix"] * 1000)
        reached = [one.score for one in trials if one.score is not None and one.outcome == "completed"]
        best = [Metric("best.validation.macro_f1", max(reached), seconds, len(trials))] if reached else []
        tags = {
            "stance.run_folder": run.folder.name,
            "stance.data_sha256": provenance["data"]["sha256"],
            "mlflow.source.name": "stance sweep",
            "mlflow.source.git.commit": provenance["commit"] or "",
        }
        with _sending(client, run, mirror):
            _log(client, mirror, dict(_flat(config)), best, tags)
            for path in (run.config, run.provenance, best_config):
                client.log_artifact(mirror.run_id, str(path))
            _close(client, run, mirror)
        return mirror


def model_folder(project: Project, model: str) -> Path:
    """Folder with model.json of a run folder, `runs:/ID` or `models:/NAME@ALIAS` (or /VERSION).

    An alias is resolved here, once. Raises UserMistake when the store knows no such model, or the run did not finish.
    """
    if not model.startswith(("runs:/", "models:/")):
        refuse_unfinished(Path(model))
        return Path(model)
    _refuse_without_store(project, model)
    uri = f"{model.rstrip('/')}/{_MODEL_NAME}" if model.count("/") == 1 and model.startswith("runs:/") else model
    target = tempfile.mkdtemp(prefix="stance-model-")
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    with _client(project):
        import mlflow

        try:
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=target)) / "artifacts"
        except (mlflow.MlflowException, OSError) as fault:
            if _is_unreachable(fault):
                raise
            raise UserMistake(
                f"{model}: no such model in {without_password(tracking_uri(project))} ({_first_line(fault)})"
            ) from fault


def pinned(project: Project, model: str) -> str:
    """`models:/NAME@ALIAS` as the version that the alias names now; any other name of a model as it is.

    Raises UserMistake when the registry has no such alias.
    """
    name, at, alias = model.removeprefix("models:/").partition("@")
    if not model.startswith("models:/") or not at:
        return model
    _refuse_without_store(project, model)
    with _client(project) as client:
        named = _aliased(client, name, alias)
    if named is None:
        raise UserMistake(f"{model}: no such model in {without_password(tracking_uri(project))}")
    return named.uri


def champion(project: Project, name: str) -> Version | None:
    """The version of a registered model that is its champion; None where there is none yet."""
    with _client(project) as client:
        return _aliased(client, name, CHAMPION)


def register(project: Project, model: str, name: str, weights: str) -> Version:
    """The version of the registered model `name` that holds `runs:/ID` or `models:/NAME/VERSION`, made where none does.

    weights is the classifier's own model_id. Raises UserMistake when the store knows no such model, or has other
    weights of it.
    """
    import mlflow

    with _client(project) as client:
        try:
            run_id, source = _source_of(client, model)
        except mlflow.MlflowException as fault:
            if _is_unreachable(fault):
                raise
            raise UserMistake(f"{model}: no such model in {without_password(tracking_uri(project))}") from fault
        has = client.get_run(run_id).data.tags.get("stance.model_id")
        if has != weights:
            raise UserMistake(f"{model}: MLflow has other weights of it ({has}) than were judged ({weights})")
        if _registered(client, name) is None:
            client.create_registered_model(name)
        there = [one for one in client.search_model_versions(f"name = '{name}'") if one.source == source]
        if there:
            return Version(name, str(max(int(one.version) for one in there)))
        logged = source.removeprefix("models:/") if source.startswith("models:/") else None
        return Version(name, str(client.create_model_version(name, source, run_id, model_id=logged).version))


def settle(project: Project, version: Version, tags: dict[str, str], before: Version | None, accepted: bool) -> None:
    """Store a decision's tags on the version and, where it is accepted, make the version its model's champion.

    Raises CheckRefused, with nothing stored or moved, when the champion is no longer the one the decision was made
    against. Between this look and the move only processes that share the SQLite store are kept out: MLflow's server
    knows no move on a condition.
    """
    with _client(project) as client, _alone_in_store(project, tracking_uri(project)):
        now = _aliased(client, version.name, CHAMPION)
        if now != before:
            was, has = (one.uri if one else "no model" for one in (before, now))
            raise CheckRefused(
                f"champion went from {was} to {has} meanwhile; nothing is stored or moved, promote again"
            )
        for key, value in tags.items():
            client.set_model_version_tag(version.name, version.number, key, value)
        if accepted:
            client.set_registered_model_alias(version.name, CHAMPION, version.number)


def _refuse_without_store(project: Project, model: str) -> None:
    """Raise UserMistake where there is no store to look in; opening the project's own one would make it."""
    if not os.environ.get("MLFLOW_TRACKING_URI") and not project.mlflow_database.exists():
        raise UserMistake(
            f"{model}: there is no MLflow store at {project.mlflow_database}; name the project that has one with "
            "--root, or a server in MLFLOW_TRACKING_URI"
        )


def _aliased(client: "MlflowClient", name: str, alias: str) -> Version | None:
    found = _registered(client, name)
    number = found.aliases.get(alias) if found else None
    return None if number is None else Version(name, str(number))


def _registered(client: "MlflowClient", name: str) -> Any:  # noqa: ANN401 - MLflow's entity, untyped
    import mlflow

    try:
        return client.get_registered_model(name)
    except mlflow.MlflowException as fault:
        if fault.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def _source_of(client: "MlflowClient", model: str) -> tuple[str, str]:
    """Id of the run and address of the files behind `runs:/ID` or `models:/NAME/VERSION`."""
    kind, _, path = model.partition(":/")
    name, _, number = path.partition("/")
    if kind == "models":
        version: ModelVersion = client.get_model_version(name, number)
        return version.run_id, version.source
    return name, f"models:/{client.get_run(name).outputs.model_outputs[-1].model_id}"


@contextmanager
def _client(project: Project) -> Iterator["MlflowClient"]:
    """A client of the configured store whose failures to connect are one clear line."""
    # The defaults wait 4 to 20 minutes on a server that is gone.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow
    from requests import RequestException

    for chatty in ("mlflow", "alembic", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    uri = tracking_uri(project)
    try:
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        with _alone_in_store(project, uri):
            client = mlflow.MlflowClient(uri)
            client.search_experiments(max_results=1)
        yield client
    except (mlflow.MlflowException, RequestException) as fault:
        if isinstance(fault, RequestException) or _is_unreachable(fault):
            raise ServiceGone(
                f"MLflow at {without_password(uri)} does not answer ({_reason(fault)}); start it, set "
                "MLFLOW_TRACKING_URI to one that runs, or train with --set tracking.enabled=false"
            ) from fault
        raise ServiceGone(
            f"MLflow at {without_password(uri)} refuses ({without_password(_first_line(fault))}); set "
            "MLFLOW_TRACKING_URI to a store that serves, or train with --set tracking.enabled=false"
        ) from fault


@contextmanager
def _alone_in_store(project: Project, uri: str) -> Iterator[None]:
    """Let one process at a time in where the store is SQLite: several that create it at once crash."""
    if not uri.startswith("sqlite:"):
        yield
        return
    with project.mlflow_database.with_name("mlflow.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _experiment_id(client: "MlflowClient", project: Project, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # Of SQLite alone MLflow would keep artefacts in the folder that the command happens to run in.
    location = project.mlflow_artifacts.as_uri() if tracking_uri(project).startswith("sqlite:") else None
    return str(client.create_experiment(name, artifact_location=location, tags=_TRAINING))


def _mirror(client: "MlflowClient", project: Project, run: Run, config: dict[str, Any]) -> Mirror:
    """The MLflow run noted in the folder if this store has it, else a new one."""
    import mlflow

    uri = tracking_uri(project)
    if run.mirror.is_file() and (noted := read_json(run.mirror))["uri"] == without_password(uri):
        try:
            client.get_run(noted["run_id"])
            return Mirror(uri, noted["run_id"])
        except mlflow.MlflowException as fault:
            if _is_unreachable(fault):
                raise
    return _opened(client, project, run, config["tracking"]["experiment"], config["name"])


def _opened(client: "MlflowClient", project: Project, run: Run, experiment: str, name: str) -> Mirror:
    opened = client.create_run(_experiment_id(client, project, experiment), run_name=name, tags=_whereabouts(run))
    mirror = Mirror(tracking_uri(project), opened.info.run_id)
    _note(run, mirror, published=False)
    return mirror


def _named_sweep(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, "name": f"sweep-{config['name']}"}


def _send_trials(client: "MlflowClient", sweep: Mirror, trials: Iterable[TrialResult]) -> None:
    from mlflow.entities import Metric

    experiment = client.get_run(sweep.run_id).info.experiment_id
    for trial in trials:
        tags = {"mlflow.parentRunId": sweep.run_id, _TRIAL: str(trial.number)}
        there = client.search_runs([experiment], " and ".join(f"tags.`{name}` = '{tags[name]}'" for name in tags))
        started, ended = (int(moment * 1000) for moment in (trial.started, trial.ended))
        name = f"trial-{trial.number}"
        child = there[0] if there else client.create_run(experiment, start_time=started, tags=tags, run_name=name)
        if child.info.status != "RUNNING":  # else it is new, or its sending was cut off
            continue
        scores = [] if trial.score is None else [Metric("validation.macro_f1", trial.score, ended, 0)]
        _log(client, Mirror(sweep.uri, child.info.run_id), trial.values, scores, {_OUTCOME: trial.outcome})
        client.set_terminated(child.info.run_id, "FINISHED", end_time=ended)


def _end(client: "MlflowClient", run_id: str, status: str, resumable: bool) -> None:
    if resumable:
        client.set_tag(run_id, _RESUMABLE, "true")
    client.set_terminated(run_id, status)


def _note(run: Run, mirror: Mirror, published: bool) -> None:
    write_json(run.mirror, {"uri": without_password(mirror.uri), "run_id": mirror.run_id, "published": published})


def _whereabouts(run: Run) -> dict[str, str]:
    return {_FOLDER: str(run.folder.resolve()), _HOST: platform.node()}


def _show_running(client: "MlflowClient", run: Run, mirror: Mirror) -> None:
    client.update_run(mirror.run_id, status="RUNNING")
    for name, value in _whereabouts(run).items():  # it may have been moved
        client.set_tag(mirror.run_id, name, value)


@contextmanager
def _sending(client: "MlflowClient", run: Run, mirror: Mirror) -> Iterator[None]:
    """Shown as running until `_close`, whatever was shown before; Ctrl-C leaves it killed, to be sent by the next."""
    _show_running(client, run, mirror)
    try:
        yield
    except KeyboardInterrupt:
        with suppress(Exception):  # a server that is gone must not take the place of the interruption
            _end(client, mirror.run_id, "KILLED", resumable=True)
        raise


@contextmanager
def _active(client: "MlflowClient", mirror: Mirror) -> Iterator[None]:
    """Makes it the run that MLflow's functions write to; MLflow then shows it as finished, which it is not yet."""
    import mlflow

    with mlflow.start_run(run_id=mirror.run_id):
        yield
    client.update_run(mirror.run_id, status="RUNNING")


def _close(client: "MlflowClient", run: Run, mirror: Mirror) -> None:
    client.set_tag(mirror.run_id, _RESUMABLE, "false")
    client.set_terminated(mirror.run_id, "FINISHED")
    client.set_tag(mirror.run_id, _PUBLISHED, "true")  # last: with it a run is sent no more
    _note(run, mirror, published=True)


def _log(
    client: "MlflowClient", mirror: Mirror, params: dict[str, Any], figures: "list[Metric]", tags: dict[str, str]
) -> None:
    from mlflow.entities import Param, RunTag

    said = [Param(name, str(value)[:6000]) for name, value in params.items()]
    for at in range(0, len(said), 100):
        client.log_batch(mirror.run_id, params=said[at : at + 100])
    for at in range(0, len(figures), 1000):
        client.log_batch(mirror.run_id, metrics=figures[at : at + 1000])
    client.log_batch(mirror.run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def _send_figures(client: "MlflowClient", mirror: Mirror, run: Run, config: dict[str, Any]) -> None:
    import mlflow
    from mlflow.entities import Metric

    metrics, provenance = read_metrics(run), read_json(run.provenance)
    seconds = int(provenance["started_unix"] * 1000)
    figures = [Metric(name, value, seconds, 0) for name, value in _flat_metrics(metrics)]
    for step, epoch in enumerate(read_json(run.history)["epochs"], start=1):
        figures += [Metric(name, value, seconds, step) for name, value in epoch.items()]
    tags = {
        "stance.run_folder": run.folder.name,
        "stance.model_id": metrics["model_id"],
        "stance.data_sha256": provenance["data"]["sha256"],
        "mlflow.source.name": "stance train",
        "mlflow.source.git.commit": provenance["commit"] or "",
    }
    _log(client, mirror, dict(_flat(config)), figures, tags)
    import pandas as pd

    rows = pd.read_parquet(run.predictions, columns=["id", "part", "label"])
    digest = provenance["data"]["sha256"][:32]
    dataset = mlflow.data.from_pandas(rows, name="statements", targets="label", digest=digest)
    with _active(client, mirror):
        mlflow.log_input(dataset, context="evaluation")


def _send_files(client: "MlflowClient", mirror: Mirror, run: Run) -> None:
    for path in (run.config, run.provenance, run.metrics, run.history, run.predictions):
        client.log_artifact(mirror.run_id, str(path))
    if run.card.is_file():  # a run of an earlier version has neither card nor page
        client.log_artifact(mirror.run_id, str(run.card))
    if run.evaluation.is_dir():
        client.log_artifacts(mirror.run_id, str(run.evaluation), run.evaluation.name)


def _send_model(client: "MlflowClient", mirror: Mirror, run: Run, registered: str | None) -> None:
    import mlflow

    if registered and client.search_model_versions(f"run_id = '{mirror.run_id}'"):
        return
    with _active(client, mirror):
        logged = mlflow.pyfunc.log_model(
            name=_MODEL_NAME,
            python_model=str(_WRAPPER),
            artifacts={
                "description": str(run.folder / classifier.DESCRIPTION),
                "weights": str(run.folder / classifier.FOLDER),
            },
            code_paths=[str(_WRAPPER.parent)],
            signature=_signature(),
            pip_requirements=[f"{name}=={version(name).split('+')[0]}" for name in _REQUIREMENTS],
        )
    if registered:
        if not client.search_registered_models(f"name = '{registered}'"):
            client.create_registered_model(registered)
        client.create_model_version(registered, logged.model_uri, mirror.run_id, model_id=logged.model_id)


def _signature() -> Any:  # noqa: ANN401 - MLflow's, untyped
    """Output columns alone, from which Spark knows their types.

    A schema of the input would cut off every other column, and take a number for a text.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    kinds = {"stance": "string", "confidence": "double", "truncated": "boolean", "model_id": "string"}
    columns = [ColSpec(kinds.get(name, "double"), name) for name in classifier.OUTPUT_COLUMNS]
    return ModelSignature(outputs=Schema(columns))


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is None and not prefix:  # a section that the config lacks
            continue
        else:
            yield f"{prefix}{name}", value


def _flat_metrics(metrics: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for part in metrics["parts"]:
        for name, estimate in part["estimates"].items():
            for end, suffix in (("value", ""), ("low", ".low"), ("high", ".high")):
                if estimate[end] is not None and math.isfinite(estimate[end]):
                    yield f"{part['part']}.{name}{suffix}", estimate[end]


def _is_unreachable(fault: BaseException) -> bool:
    return any(words in str(fault) for words in _UNREACHABLE)


def _reason(fault: BaseException) -> str:
    """Why a store is gone, in a few words: MLflow's own message repeats the address with its password."""
    known = (said for words, said in _UNREACHABLE.items() if words in str(fault))
    return next(known, without_password(_first_line(fault)))


def without_password(uri: str) -> str:
    """The address without the user and password that it may carry."""
    from urllib.parse import urlsplit, urlunsplit

    split = urlsplit(uri)
    host = split.netloc.rpartition("@")[2]
    return urlunsplit(split._replace(netloc=host)) if split.netloc else uri


def _first_line(fault: BaseException) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0][:200]
