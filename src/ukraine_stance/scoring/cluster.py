"""Score on the machines of a Ray cluster: this process reads the input and commits parts, they compute.

A worker is a Ray actor that holds the whole model on one processor (a transformer: on one GPU where the cluster has
any) and gets whole shards. Only this process touches input and output, so that a shard that is lost with its machine
is given to another and can neither be missed nor doubled: parts are committed here, by number. The machines need this
package and Ray of the same versions, and no file: the model goes to them through Ray.
"""

import importlib
import socket
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ukraine_stance import classifier as classifiers
from ukraine_stance.classifier import DESCRIPTION, FOLDER, StanceClassifier
from ukraine_stance.errors import ServiceGone, StanceError, UserMistake
from ukraine_stance.models.tfidf import TfidfModel
from ukraine_stance.progress import line
from ukraine_stance.scoring import engines
from ukraine_stance.scoring.job import ScoreJob
from ukraine_stance.scoring.shards import ScoredShard, Shard, ShardScorer, score_shard
from ukraine_stance.tables import Batch, Place

AUTO = "auto"

# Shards in a worker's hands: the next is there when one is done.
_IN_HAND = 2

# Workers that may die of one shard before it is the shard's fault, not theirs.
_MOST_TRIES = 5

# Workers that may die before they have loaded the model, none having done so.
_MOST_FALSE_STARTS = 5

_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_UNTIL_SAID = 30.0
_CONNECT_SECONDS = 5.0

# Files of a model by their names in its folder; arrays, since Ray shares those with all workers of a machine.
_Files = dict[str, npt.NDArray[np.uint8]]


def scoring_on(address: str, folder: Path, classifier: StanceClassifier) -> ShardScorer:
    """Scores with the classifier, which was loaded from the run `folder`, on the Ray cluster at HOST:PORT.

    "auto" is the cluster that was started on this machine, else one of this machine's processors for this job alone.
    Connects when the first shard is asked for. Raises UserMistake where Ray is not installed, the address is none, or
    a machine has other versions or cannot load the model; ServiceGone where no cluster answers or workers keep dying.
    """
    ray = _ray()
    if address != AUTO:
        _check_answers(address)

    def scored(job: ScoreJob, shards: Iterator[Shard]) -> Generator[ScoredShard, None, None]:
        first = next(shards, None)
        if first is None:
            return
        with _connected(ray, address):
            yield from _Crew(ray, job, folder, classifier).scored(first, shards)

    return scored


class _Worker:
    """What runs on a machine of the cluster."""

    def load(self, files: _Files, engine: str, model_id: str, versions: dict[str, str]) -> str:
        """Take the model; the machine's name. Raises UserMistake where it would answer otherwise here."""
        node = str(_ray().util.get_node_ip_address())
        here = _comparable(classifiers.versions())
        other = [f"{name} {here[name]}, not {version}" for name, version in versions.items() if here[name] != version]
        if other:
            raise UserMistake(f"{node}: has {'; '.join(other)}; install the same versions on every machine")
        with tempfile.TemporaryDirectory(prefix="stance-model-") as place:
            for name, content in files.items():
                path = Path(place) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                content.tofile(path)
            try:
                loaded = classifiers.load(Path(place))
                self._classifier = engines.behind(Path(place), loaded, engine, streams=1)
            except StanceError as fault:
                raise UserMistake(f"{node}: {str(fault).replace(place, 'the model')}") from fault
        if self._classifier.model_id != model_id:
            raise UserMistake(f"{node}: loaded {self._classifier.model_id}, not {model_id}")
        return node

    def score(self, job: ScoreJob, number: int, place: Place, batch: Batch) -> ScoredShard:
        """A shard as any other process would score it."""
        return ScoredShard(number, place, *score_shard(job, batch, self._classifier))


@dataclass(slots=True, eq=False)
class _Hand:
    """A worker as seen from here: its actor, its machine once it has loaded the model, and its shards in hand."""

    actor: Any
    node: str = ""
    busy: int = 0


@dataclass(slots=True, eq=False)
class _Task:
    """A shard whose rows stand in Ray's store on this machine."""

    number: int
    place: Place
    batch: Any
    hand: _Hand | None = None
    tries: int = 0


class _Crew:
    """Workers, as many as the cluster has room for; those that are lost are replaced, their shards given again."""

    def __init__(self, ray: Any, job: ScoreJob, folder: Path, classifier: StanceClassifier) -> None:  # noqa: ANN401
        self._ray = ray
        self._job = job
        engine = engines.engine_of(classifier)
        self._load = (
            ray.put(_files(folder, engine)),
            engine,
            classifier.model_id,
            _comparable(classifiers.versions()),
        )
        on_gpus = not isinstance(classifier.model, TfidfModel) and ray.cluster_resources().get("GPU", 0) >= 1
        # Never both: they would differ in a probability's last digits.
        self._unit = "GPU" if on_gpus else "CPU"
        self._kind = ray.remote(num_cpus=1, num_gpus=int(on_gpus), max_restarts=0)(_Worker)
        self._lost = tuple(
            getattr(ray.exceptions, name)
            for name in ("RayActorError", "ObjectLostError", "WorkerCrashedError", "NodeDiedError", "OutOfMemoryError")
        )
        self._starting: dict[Any, _Hand] = {}
        self._ready: list[_Hand] = []
        self._waiting: deque[_Task] = deque()
        self._working: dict[Any, _Task] = {}
        self._false_starts = 0
        self._room, self._looked = 0, -_SECONDS_BETWEEN_LOOKS
        self._idle_since: float | None = time.monotonic()

    def scored(self, first: Shard, shards: Iterator[Shard]) -> Generator[ScoredShard, None, None]:
        """Every shard once, in the order in which they are done."""
        ahead: Shard | None = first
        try:
            while ahead or self._waiting or self._working:
                self._look()
                if ahead and len(self._waiting) + len(self._working) < _IN_HAND * max(self._room, 1):
                    self._waiting.append(_Task(ahead.number, ahead.place, self._ray.put(ahead.batch)))
                    ahead = next(shards, None)
                    full = False
                else:
                    full = True
                self._staff()
                self._give()
                yield from self._done(wait=full or not ahead)
        finally:
            for hand in [*self._ready, *self._starting.values()]:
                self._ray.kill(hand.actor)

    def _look(self) -> None:
        """Ask how many workers the cluster has room for: machines come and go."""
        now = time.monotonic()
        if now - self._looked >= _SECONDS_BETWEEN_LOOKS:
            self._room, self._looked = int(self._ray.cluster_resources().get(self._unit, 0)), now
        if self._ready:
            self._idle_since = None
        elif self._idle_since is not None and now - self._idle_since > _SECONDS_UNTIL_SAID:
            line(f"no worker has started yet: is another job using the cluster's {self._unit}s?")
            self._idle_since = None

    def _staff(self) -> None:
        wanted = min(self._room, len(self._waiting) + len(self._working))
        while len(self._ready) + len(self._starting) < wanted:
            hand = _Hand(self._kind.remote())
            self._starting[hand.actor.load.remote(*self._load)] = hand

    def _give(self) -> None:
        while self._waiting and self._ready:
            hand = min(self._ready, key=lambda one: one.busy)
            if hand.busy >= _IN_HAND:
                return
            task = self._waiting.popleft()
            task.hand = hand
            hand.busy += 1
            self._working[hand.actor.score.remote(self._job, task.number, task.place, task.batch)] = task

    def _done(self, wait: bool) -> Iterator[ScoredShard]:
        pending = [*self._starting, *self._working]
        if not pending:
            time.sleep(1.0 if wait else 0)  # the cluster has no room at all
            return
        done, _ = self._ray.wait(pending, num_returns=1, timeout=1.0 if wait else 0)
        for ref in done:
            if ref in self._starting:
                self._started(ref)
            else:
                yield from self._finished(ref)

    def _started(self, ref: Any) -> None:  # noqa: ANN401
        hand = self._starting.pop(ref)
        try:
            hand.node = self._got(ref)
        except self._lost as fault:
            self._false_starts += 1
            if not self._ready and self._false_starts >= _MOST_FALSE_STARTS:
                raise ServiceGone(
                    f"workers of the cluster die before they have loaded the model: {_said(fault)}"
                ) from fault
            return
        self._ready.append(hand)

    def _finished(self, ref: Any) -> Iterator[ScoredShard]:  # noqa: ANN401
        task = self._working.pop(ref)
        hand, task.hand = task.hand, None
        assert hand is not None
        hand.busy -= 1
        try:
            scored: ScoredShard = self._got(ref)
        except self._lost as fault:
            self._forget(hand)
            task.tries += 1
            if task.tries >= _MOST_TRIES:
                raise ServiceGone(
                    f"{task.place}: {task.tries} workers died while they scored shard {task.number} ({_said(fault)}); "
                    "where memory ran out, start Ray with fewer --num-cpus; the same command then goes on"
                ) from fault
            self._waiting.appendleft(task)
            return
        yield scored

    def _forget(self, hand: _Hand) -> None:
        if hand in self._ready:
            self._ready.remove(hand)
            self._ray.kill(hand.actor)
            self._looked = -_SECONDS_BETWEEN_LOOKS
            line(f"a worker on {hand.node} was lost; what it had in hand is scored by another")

    def _got(self, ref: Any) -> Any:  # noqa: ANN401
        """What a worker returned; its own errors as they were raised there."""
        try:
            return self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as fault:
            raise fault.cause from fault


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:  # noqa: ANN401
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        try:
            ray.init(address=address, **quiet)
        except ConnectionError:
            if address != AUTO:
                raise
            ray.init(address="local", include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as fault:
        raise ServiceGone(
            f"Ray at {address} cannot be joined ({_said(fault)}); give the command on a machine of it"
        ) from fault
    try:
        yield
    finally:
        ray.shutdown()


def _ray() -> Any:  # noqa: ANN401 - an optional library
    try:
        return importlib.import_module("ray")
    except ImportError as fault:
        raise UserMistake(
            f"--cluster: needs Ray ({fault}); install the extra: pip install 'ukraine-stance[ray]'"
        ) from fault


def _check_answers(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        raise UserMistake(f"--cluster {address}: give HOST:PORT of the cluster's head (ray start names it), or auto")
    try:
        socket.create_connection((host, int(port)), _CONNECT_SECONDS).close()
    except (OSError, OverflowError) as fault:
        raise ServiceGone(
            f"Ray at {address} does not answer ({fault}); start it with ray start, or give auto"
        ) from fault


def _files(folder: Path, engine: str) -> _Files:
    """What a worker loads the classifier from: no more of a run than that."""
    wanted = [folder / DESCRIPTION, *(folder / FOLDER).rglob("*"), *engines.place_of(folder, engine).rglob("*")]
    return {path.relative_to(folder).as_posix(): np.fromfile(path, dtype=np.uint8) for path in wanted if path.is_file()}


def _comparable(versions: dict[str, str]) -> dict[str, str]:
    """Without what tells a build for GPUs (`+cu130`) from one without."""
    return {name: version.partition("+")[0] for name, version in versions.items()}


def _said(fault: BaseException) -> str:
    return (str(fault).splitlines() or [type(fault).__name__])[0]
