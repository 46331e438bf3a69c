"""Scoring on a real Ray cluster of nodes on this machine: the values, parts and bytes of one process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from ukraine_stance import classifier, cli
from ukraine_stance.calibration import Calibration
from ukraine_stance.errors import StanceError, UserMistake
from ukraine_stance.models import TfidfModel
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.scoring import ScoreJob, engines, score_file
from ukraine_stance.scoring.shards import Scored, Shard

STANCE = str(Path(sys.executable).with_name("stance"))
HERE = find_spec("ray") is not None
needs_ray = pytest.mark.skipif(
    not HERE and "STANCE_REQUIRE_ALL" not in os.environ, reason="Ray is not installed (extra ray)"
)


@pytest.fixture(scope="module")
def folder(new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = new_tfidf()
    made = tmp_path_factory.mktemp("run")
    model.fit(toy, toy, made)
    classifier.save(model, Calibration(2.0), {"data": {}, "seed": 1, "sha256": "0"}, made)
    return made


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two machines of one core each, and a head without any."""
    from ray.cluster_utils import Cluster

    os.environ |= {"RAY_worker_niceness": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        found.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    yield found
    found.shutdown()


def new_job(folder: Path, out: str, shards: int = 8) -> ScoreJob:
    source = folder / "in.csv"
    rows = [f"{at},{'' if at % 7 == 6 else f'we will send {at} tanks'}\n" for at in range(10 * shards)]
    source.write_text("id,text\n" + "".join(rows), encoding="utf-8")
    return ScoreJob((str(source),), folder / out, shard_rows=10)


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@needs_ray
def test_one_machine_as_a_cluster_writes_what_one_process_writes(folder: Path, tmp_path: Path) -> None:
    score_file(new_job(tmp_path, "alone"), classifier.load(folder))
    (source,) = new_job(tmp_path, "ours").sources
    words = [STANCE, "score", source, "--model", folder, "--shard-rows", "10", "--out", tmp_path / "ours"]
    # A short name: Ray's sockets stand below it, and the length of their paths is limited.
    with TemporaryDirectory(dir="/tmp", prefix="ray-") as place:
        # As a head that was killed leaves it: nobody answers there.
        (Path(place) / "ray").mkdir()
        (Path(place) / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
        environment = {**os.environ, "RAY_TMPDIR": place}
        # In a process of its own: Ray keeps what it was told of tokens for the clusters that this one joins later.
        done = subprocess.run(
            [*words, "--cluster", "auto"], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
    assert done.stdout.startswith("80 rows: 69 scored (")
    assert all(line.startswith("scoring rows: ") for line in done.stderr.splitlines())
    assert written(tmp_path / "ours") == written(tmp_path / "alone")


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize("engine", ["torch", "torch-packed", "openvino-bf16"])
def test_a_network_behind_an_engine_answers_there_as_here(
    run: Path, toy: LabelledTexts, cluster: Any, tmp_path: Path, engine: str
) -> None:
    from ukraine_stance.scoring.cluster import on_cluster

    plain, texts = classifier.load(run), tuple(f"{one} {other}" for one in toy.texts for other in toy.texts)
    if engine != engines.REFERENCE:
        (found,) = engines.export(run, plain, [engine], texts, toy)
        assert not found.faults
    loaded = engines.behind(run, plain, engine)
    score_file(new_job(tmp_path, "alone"), loaded)
    with on_cluster(cluster.address, run, engine) as scorer:
        score_file(new_job(tmp_path, "together"), loaded, scorer)
    assert written(tmp_path / "together") == written(tmp_path / "alone")


@needs_ray
def test_no_cluster_is_begun_for_what_is_done_already(folder: Path, tmp_path: Path) -> None:
    import ray

    from ukraine_stance.scoring.cluster import on_cluster

    loaded = classifier.load(folder)
    score_file(new_job(tmp_path, "out"), loaded)
    with on_cluster("auto", folder, "torch") as scorer:
        assert score_file(new_job(tmp_path, "out"), loaded, scorer).already_done
        assert not ray.is_initialized()


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_was_stopped_on_a_cluster_goes_on_without_it(
    folder: Path, cluster: Any, tmp_path: Path, how: signal.Signals
) -> None:
    job = new_job(tmp_path, "stopped", shards=300)
    words = [STANCE, "score", *job.sources, "--model", str(folder)]
    words += ["--shard-rows", "10", "--out", str(job.out)]
    process = subprocess.Popen([*words, "--cluster", cluster.address], stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while len(list(job.out.glob("part-*"))) < 3:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert ("the same command goes on from there\ninterrupted\n" in err) == (how == signal.SIGINT)
    assert "Traceback" not in err
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "had been read and scored by a call that was stopped: kept" in done.stdout
    loaded = classifier.load(folder)
    score_file(new_job(tmp_path, "alone", shards=300), loaded)
    assert written(tmp_path / "stopped") == written(tmp_path / "alone")


@needs_ray
@pytest.mark.slow
def test_a_machine_that_is_lost_with_shards_in_hand_loses_and_doubles_nothing(
    folder: Path, cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ukraine_stance.scoring import cluster as room

    loaded = classifier.load(folder)
    score_file(new_job(tmp_path, "alone", shards=60), loaded)
    lost = cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20)
    give, dead = room._Crew._give, []

    def giving(crew: room._Crew, shard: Shard) -> None:
        give(crew, shard)
        if not dead and lost.node_id in {worker.node for worker, held in crew._flying.values() if held}:
            cluster.remove_node(lost, allow_graceful=False)
            dead.append(lost)

    monkeypatch.setattr(room._Crew, "_give", giving)
    with room.on_cluster(cluster.address, folder, "torch") as scorer:
        # Its worker may be the last to begin: the others wait with what they have scored.
        def waiting(*arguments: Any) -> Iterator[Scored]:
            for done, scored in enumerate(scorer(*arguments), start=1):
                if done > 20 and not dead:
                    time.sleep(0.5)
                yield scored

        summary = score_file(new_job(tmp_path, "together", shards=60), loaded, waiting)
    assert dead and "was lost; its rows are scored by another" in capsys.readouterr().err
    assert summary.rows == summary.scored + summary.rejected == 600
    assert written(tmp_path / "together") == written(tmp_path / "alone")


@pytest.mark.slow
@needs_ray
def test_a_machine_with_other_versions_is_left_out(
    folder: Path, cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ukraine_stance.scoring import cluster as room

    monkeypatch.setattr(room, "_SECONDS_WITHOUT_WORKERS", 1.0)
    loaded, here = classifier.load(folder), classifier.versions()
    # As if they had been asked on another machine.
    monkeypatch.setattr(classifier, "versions", lambda: here | {"scikit-learn": "1.7.0"})
    with room.on_cluster(cluster.address, folder, "torch") as scorer, pytest.raises(StanceError) as refused:
        score_file(new_job(tmp_path, "out"), loaded, scorer)
    said = f"it has scikit-learn {here['scikit-learn']} for 1.7.0; install the same versions there"
    assert said in str(refused.value)
    assert capsys.readouterr().err.count(f"is left out: {said}") == 2


@needs_ray
@pytest.mark.slow
def test_a_machine_that_cannot_use_the_model_is_left_out_and_where_all_are_so_the_work_ends(
    folder: Path, cluster: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ukraine_stance.scoring import cluster as room

    monkeypatch.setattr(room, "_SECONDS_WITHOUT_WORKERS", 1.0)
    with room.on_cluster(cluster.address, folder, "torch-bf16") as scorer, pytest.raises(StanceError) as refused:
        score_file(new_job(tmp_path, "out"), classifier.load(folder), scorer)
    assert "no machine of the cluster can score: engines are for transformers" in str(refused.value)
    assert capsys.readouterr().err.count("is left out: engines are for transformers") == 2
    assert not (tmp_path / "out").exists()


def test_without_ray_the_extra_is_named(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ukraine_stance.cli.scoring.find_spec", lambda name: None)
    job = new_job(tmp_path, "out.csv")
    words = ["score", *job.sources, "--model", str(folder), "--out", str(job.out), "--cluster", "auto"]
    with pytest.raises(UserMistake, match=r"Ray is not installed; pip install 'ukraine-stance\[ray\]'"):
        cli.app(words, standalone_mode=False)


@needs_ray
@pytest.mark.parametrize("address", ["ray://127.0.0.1:10001", "127.0.0.1:1", "127.0.0.1", "127.0.0.1:99999"])
def test_an_address_where_no_cluster_is_is_one_clear_line(folder: Path, address: str) -> None:
    from ukraine_stance.scoring.cluster import on_cluster

    with pytest.raises(StanceError) as refused, on_cluster(address, folder, "torch"):
        pass
    assert str(refused.value).startswith(f"--cluster {address}: ") and "\n" not in str(refused.value)
