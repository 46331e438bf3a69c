"""Shards scored by the machines of a Ray cluster; reading, committing and going on stay where the command was given.

Whole shards travel to workers (Ray's actors) and come back scored, so that the output is the same as from one process:
same parts, same bytes on machines of one kind. Ray Data is not used: it cuts and orders blocks as it sees fit, and what
is committed, hashed and gone on with here is a shard. Only this process touches input and output; the other machines
need this package and Ray of the same versions, and no file: the model goes to them through Ray.
"""

import logging
import os
import socket
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import ray
from ray._private import services
from ray.exceptions import (
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RaySystemError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ukraine_stance import classifier as classifiers
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import ServiceGone, StanceError, UserMistake
from ukraine_stance.progress import line
from ukraine_stance.scoring import engines
from ukraine_stance.scoring.job import ScoreJob
from ukraine_stance.scoring.shards import Scored, Scorer, Shard, score_shard

AUTO = "auto"

# A local cluster holds a few shards at a time.
_LOCAL_STORE = 512 * 2**20
# While a worker computes one shard the next is on its way.
_SHARDS_EACH = 2
_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_WITHOUT_WORKERS = 60.0
# A shard or machine that loses so many workers is at fault itself.
_MOST_LOSSES = 3
# Ray itself goes on asking an address where nobody answers for minutes.
_SECONDS_TO_ANSWER = 5.0
_SECONDS_UNTIL_SAID = 30.0
# Streams of one process: each process costs the memory of a model and its library, and more streams than a few wait
# for Python's lock.
_CORES_EACH = 4

_LOST = (RayActorError, ObjectLostError, OutOfMemoryError, WorkerCrashedError, RaySystemError)

# A model's files by their paths in its folder; Ray shares arrays with all workers of a machine.
_Files = dict[str, npt.NDArray[np.uint8]]


@dataclass(eq=False, slots=True)
class _Worker:
    """An actor that has the model, or is loading it."""

    actor: Any
    node: str
    machine: str
    has_model: bool = False


@contextmanager
def on_cluster(address: str, folder: Path, engine: str) -> Iterator[Scorer]:
    """A scorer on the Ray cluster at `address`; the model of `folder` is sent to its machines, behind the engine.

    "auto" is the cluster that runs on this machine, else one of this machine alone, for as long as the context lasts;
    it is joined, or begun, when the first shard is scored. A machine that joins is put to work, and what a lost one had
    is scored by the others; one with other versions of the libraries, or that cannot load the model, is left out.
    Raises UserMistake for an address of another form, ServiceGone where no cluster answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address != AUTO:
        _ask(address)

    def scorer(job: ScoreJob, classifier: StanceClassifier, shards: Iterator[Shard]) -> Iterator[Scored]:
        first = next(shards, None)
        if first is not None:
            if not ray.is_initialized():
                _join(address)
            yield from _Crew(job, classifier, _files(folder, engine), engine).score(chain((first,), shards))

    try:
        yield scorer
    finally:
        ray.shutdown()


def _ask(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in address or not port.isdecimal():
        raise UserMistake(f"--cluster {address}: give HOST:PORT of the cluster's head (ray start says it), or auto")
    try:
        socket.create_connection((host, int(port)), _SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as fault:
        raise ServiceGone(f"--cluster {address}: no Ray cluster answers there ({fault})") from fault


def _join(address: str) -> None:
    logging.getLogger("ray").setLevel(logging.ERROR)
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    try:
        found = _running_here() if address == AUTO else address
        if found:
            ray.init(address=found, **quiet)
        else:
            ray.init(address="local", include_dashboard=False, object_store_memory=_LOCAL_STORE, **quiet)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError, RayError) as fault:
        raise ServiceGone(
            f"--cluster {address}: cannot be joined ({_last_line(fault)}); give the command on one of its machines"
        ) from fault


def _running_here() -> str | None:
    """HOST:PORT of the cluster that was started on this machine, or that RAY_ADDRESS names, where one answers."""
    try:
        address = services.canonicalize_bootstrap_address(AUTO)
    except ConnectionError:
        return None
    try:  # a head that was killed leaves its address behind, and Ray would wait for it
        _ask(address)
    except ServiceGone:
        if os.environ.get("RAY_ADDRESS"):
            raise
        return None
    return str(address)


def _files(folder: Path, engine: str) -> _Files:
    """What the model behind this engine is loaded from, and no more of the run."""
    kept = [folder / classifiers.DESCRIPTION]
    for place in (folder / classifiers.FOLDER, folder / engines.FOLDER / engine):
        kept += sorted(path for path in place.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): np.fromfile(path, dtype=np.uint8) for path in kept}


class _Actor:
    """Runs on a machine of the cluster."""

    def load(self, files: _Files, engine: str, streams: int, versions: dict[str, str]) -> str:
        """Take the model; gives its model_id. Raises UserMistake where it cannot be used on this machine.

        versions are those of the libraries where the command was given: others might answer otherwise.
        """
        here = _comparable(classifiers.versions())
        other = [f"{name} {here[name]} for {wanted}" for name, wanted in versions.items() if here[name] != wanted]
        if other:
            raise UserMistake(f"it has {', '.join(other)}; install the same versions there")
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            for name, content in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                content.tofile(folder / name)
            self._classifier = engines.behind(folder, classifiers.load(folder), engine, streams)
        return self._classifier.model_id

    def score(self, job: ScoreJob, shard: Shard) -> Scored:
        """Score one shard."""
        return score_shard(job, self._classifier, shard)


class _Crew:
    """The workers: hired on every machine that can take them, given shards, and replaced where they are lost."""

    def __init__(self, job: ScoreJob, classifier: StanceClassifier, files: _Files, engine: str) -> None:
        self._job, self._model_id = job, classifier.model_id
        self._versions = _comparable(classifiers.versions())
        # TF-IDF computes on one core, a network on a few, or on a GPU.
        self._one_a_core = classifier.model.family == "tfidf"
        self._files, self._engine = ray.put(files), engine
        self._workers: list[_Worker] = []
        self._idle: deque[_Worker] = deque()
        self._flying: dict[Any, tuple[_Worker, Shard | None]] = {}  # None while the worker loads the model
        self._again: deque[Shard] = deque()
        self._faults: Counter[str] = Counter()
        self._losses: Counter[int] = Counter()
        self._looked = -_SECONDS_BETWEEN_LOOKS
        self._alone_since = time.monotonic()
        self._say_at = time.monotonic() + _SECONDS_UNTIL_SAID
        self._why = "none has a processor"

    def score(self, shards: Iterator[Shard]) -> Iterator[Scored]:
        """Every shard once, in the order in which they are done."""
        following = next(shards, None)
        while following or self._again or any(held for _, held in self._flying.values()):
            self._hire()
            while self._idle and (self._again or following):
                if self._again:
                    self._give(self._again.popleft())
                elif following:
                    self._give(following)
                    following = next(shards, None)
            self._refuse_to_wait_for_ever()
            if not self._flying:
                time.sleep(0.5)
            for reference in ray.wait(list(self._flying), timeout=1.0)[0] if self._flying else ():
                found = self._take(reference)
                if found is not None:
                    yield found

    def _hire(self) -> None:
        """Start workers where machines have places for more, unless one loses them all."""
        if time.monotonic() < self._looked + _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = time.monotonic()
        nodes = [node for node in ray.nodes() if node["Alive"]]
        # Machines with a GPU alone where there are any: the others would differ in the last digits of a probability.
        on_cards = not self._one_a_core and any("GPU" in node["Resources"] for node in nodes)
        for node in nodes:
            name = node["NodeID"]
            if self._faults[name] >= _MOST_LOSSES or (on_cards and "GPU" not in node["Resources"]):
                continue
            places, options = self._places(node["Resources"])
            for _ in range(places - sum(worker.node == name for worker in self._workers)):
                there = NodeAffinitySchedulingStrategy(name, soft=False)
                actor = ray.remote(_Actor).options(scheduling_strategy=there, max_restarts=0, **options).remote()
                self._workers.append(_Worker(actor, name, node["NodeManagerHostname"]))
                self._flying[actor.load.remote(self._files, self._engine, options["num_cpus"], self._versions)] = (
                    self._workers[-1],
                    None,
                )

    def _places(self, has: dict[str, float]) -> tuple[int, dict[str, int]]:
        """How many workers a machine with such resources takes, and what each of them claims."""
        cores, cards = int(has.get("CPU", 0)), int(has.get("GPU", 0))
        if self._one_a_core or not cores:
            return cores, {"num_cpus": 1}
        if cards:
            return cards, {"num_cpus": max(1, min(cores // cards, _CORES_EACH)), "num_gpus": 1}
        each = min(cores, _CORES_EACH)
        return cores // each, {"num_cpus": each}

    def _give(self, shard: Shard) -> None:
        worker = self._idle.popleft()
        self._flying[worker.actor.score.remote(self._job, shard)] = (worker, shard)

    def _take(self, reference: Any) -> Scored | None:  # noqa: ANN401
        """What a worker has done: a scored shard, or None where it has loaded the model or is lost."""
        worker, held = self._flying.pop(reference)
        try:
            found = ray.get(reference)
        except _LOST as fault:
            self._lose(worker, fault)
            if held is not None:
                self._score_again(held, worker, fault)
            return None
        except StanceError as fault:
            said = getattr(fault, "cause", fault)  # Ray's own text is a page
            if held is not None:
                raise said from None
            line(f"warning: {worker.machine} is left out: {said}")
            self._lose(worker, said)
            self._faults[worker.node] = _MOST_LOSSES
            return None
        if held is not None:
            self._idle.append(worker)
            return cast("Scored", found)
        if found != self._model_id:
            raise StanceError(f"{worker.machine}: has the model {found}, not {self._model_id}")
        worker.has_model = True
        self._idle.extend([worker] * _SHARDS_EACH)
        return None

    def _lose(self, worker: _Worker, why: BaseException) -> None:
        if worker in self._workers:  # it may have held two shards
            self._workers.remove(worker)
            self._idle = deque(one for one in self._idle if one is not worker)
            self._faults[worker.node] += 1
            self._why = _last_line(why)
            ray.kill(worker.actor)

    def _score_again(self, shard: Shard, worker: _Worker, why: BaseException) -> None:
        self._losses[shard.number] += 1
        if self._losses[shard.number] == _MOST_LOSSES:
            raise StanceError(
                f"shard {shard.number} took {_MOST_LOSSES} workers with it ({_last_line(why)}); has a machine too "
                "little memory? The same command goes on"
            ) from why
        line(f"a worker on {worker.machine} was lost; its rows are scored by another")
        self._again.append(shard)

    def _refuse_to_wait_for_ever(self) -> None:
        waits = self._workers and not any(worker.has_model for worker in self._workers)
        if waits and time.monotonic() > self._say_at:
            self._say_at = float("inf")
            line("no worker has begun yet; does another job hold the cluster's processors?")
        if self._workers:
            self._alone_since = time.monotonic()
        elif time.monotonic() > self._alone_since + _SECONDS_WITHOUT_WORKERS:
            raise StanceError(f"no machine of the cluster can score: {self._why}; the same command goes on")


def _comparable(versions: dict[str, str]) -> dict[str, str]:
    """Without what tells a build for GPUs (`+cu130`) from one without."""
    return {name: version.partition("+")[0] for name, version in versions.items()}


def _last_line(fault: BaseException) -> str:
    """What an error says; of Ray's long ones the last line, which names the cause."""
    lines = [text.strip() for text in str(getattr(fault, "cause", None) or fault).splitlines() if text.strip()]
    return lines[-1] if lines else type(fault).__name__
