"""Scoring that is killed, starved of room or met by another: nothing is lost, doubled or wrong."""

import gzip
import json
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukraine_stance import classifier
from ukraine_stance.calibration import Calibration
from ukraine_stance.cli.scoring import score_command
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.models.tfidf import TfidfModel, TfidfSettings

STANCE = Path(sys.executable).with_name("stance")
TEXTS = ("Veldmark lends its neighbour two ferries.", "Nobody should lend a ferry.", "The ferry left at noon.") * 2
ROWS, SHARD_ROWS = 4_000, 100

Bytes = dict[str, bytes]


def rows() -> list[dict[str, str]]:
    """Some without text, some whose text came before, some of one id."""
    found = [{"id": str(at), "text": f"Ferry {at} left {TEXTS[at % 6]}"} for at in range(ROWS)]
    for at in range(0, ROWS, 37):
        found[at]["text"] = " "
    for at in range(50, ROWS, 50):
        found[at] = dict(found[at - 20])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scoring")
    model = TfidfModel(TfidfSettings((1, 2), None, 1, False, 1.0, None))
    labelled = LabelledTexts(TEXTS, ("support for Veldmark",) * 6, np.array([0, 1, 2] * 2))
    (folder / "model").mkdir()
    model.fit(labelled, labelled, folder)
    classifier.save(model, Calibration(), {}, folder / "model")
    lines = [json.dumps(row) for row in rows()]
    (folder / "in.csv").write_text("id,text\n" + "".join(f"{row['id']},{row['text']}\n" for row in rows()))
    (folder / "in.jsonl.gz").write_bytes(gzip.compress("\n".join([*lines, '{"text": "cut']).encode()))
    pq.write_table(pa.Table.from_pylist(rows()), folder / "in.parquet")
    (folder / "several").mkdir()
    for at in range(4):
        (folder / "several" / f"{at}.jsonl").write_text("\n".join(lines[at * 1000 : (at + 1) * 1000]))
    return folder


@pytest.fixture
def out(folder: Path) -> Iterator[Path]:
    out = folder / "out"
    out.mkdir()
    yield out
    shutil.rmtree(out)


def start(source: Path, out: Path, model: Path) -> multiprocessing.process.BaseProcess:
    """The command in a process of its own, forked from one that has imported all that it needs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ukraine_stance.cli.scoring", "ukraine_stance.scoring", "ukraine_stance.tracking"])
    words = {"sources": [str(source)], "model": str(model), "out": str(out), "shard_rows": SHARD_ROWS}
    process = context.Process(target=score_command, kwargs=words)
    process.start()
    return process


def written(folder: Path) -> Bytes:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def finished(source: Path, out: Path, model: Path) -> Bytes:
    process = start(source, out, model)
    process.join()
    assert process.exitcode == 0
    return written(out.parent)


def emptied(out: Path) -> None:
    shutil.rmtree(out)
    out.mkdir()


def killed(source: Path, out: Path, model: Path, kills: int, dice: random.Random) -> int:
    """Kill the job `kills` times at random moments; how many kills found some shards committed and others not."""
    undisturbed = finished(source, out, model)
    emptied(out.parent)
    begun = time.monotonic()
    assert finished(source, out, model) == undisturbed
    seconds = time.monotonic() - begun
    emptied(out.parent)
    midway = 0
    while kills:
        process = start(source, out, model)
        process.join(dice.uniform(0, seconds))
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        left = written(out.parent)
        # What bears a name of its own is right whenever it stands there; the rest is hidden or among the parts.
        assert {name: left[name] for name in left if "/" not in name and name[0] != "."}.items() <= undisturbed.items()
        if process.exitcode == 0:
            assert left == undisturbed
            emptied(out.parent)
            continue
        kills -= 1
        midway += 0 < len([name for name in left if "/part-" in name and "_rejects" not in name]) < ROWS // SHARD_ROWS
    assert finished(source, out, model) == undisturbed
    return midway


JOBS = [("in.csv", "o.csv"), ("in.jsonl.gz", "o.jsonl"), ("in.parquet", "o.parquet"), ("several", "parts")]


@pytest.mark.parametrize(("source", "name"), JOBS)
def test_a_job_killed_at_random_ends_in_the_bytes_of_an_undisturbed_one(
    folder: Path, out: Path, source: str, name: str
) -> None:
    assert killed(folder / source, out / name, folder / "model", 3, random.Random(name)) >= 0


@pytest.mark.slow
@pytest.mark.parametrize(("source", "name"), JOBS)
def test_many_kills_lose_and_double_nothing(folder: Path, out: Path, source: str, name: str) -> None:
    assert killed(folder / source, out / name, folder / "model", 40, random.Random(7)) > 10


def command(folder: Path, out: Path, *more: str) -> list[str]:
    words = [str(STANCE), "score", str(folder / "in.csv"), "--model", str(folder / "model"), "--out", str(out)]
    return [*words, "--shard-rows", str(SHARD_ROWS), *more]


def ran(folder: Path, out: Path, **more: object) -> tuple[int, str, str]:
    done = subprocess.run(command(folder, out), check=False, capture_output=True, text=True, **more)
    return done.returncode, done.stdout, done.stderr


def test_a_full_disk_is_one_line_and_exit_2_and_with_room_the_job_goes_on(folder: Path, out: Path) -> None:
    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    code, said, err = ran(folder, out / "o.csv", preexec_fn=fill)
    assert (code, said, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"{out / 'o.csv'}: cannot be written (File too large)")
    # The shards are small enough, their sum is not.
    assert [path.name for path in out.iterdir()] == ["o.csv.parts"]
    code, said, _ = ran(folder, out / "o.csv")
    assert (code, said.splitlines()[-1]) == (0, str(out / "o.csv"))
    assert sorted(path.name for path in out.iterdir()) == ["o.csv", "o.csv.manifest.json", "o.csv.rejects.jsonl"]


def test_ctrl_c_says_what_is_kept_and_exits_130(folder: Path, out: Path) -> None:
    process = subprocess.Popen(command(folder, out / "o.csv"), stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not list(out.glob("o.csv.parts/part-*")):
        assert process.poll() is None, "it ended before it was stopped"
        assert time.monotonic() < end
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (
        f"what was scored is kept in {out / 'o.csv.parts'}; the same command goes on from there\ninterrupted\n" in err
    )
    assert "Traceback" not in err
    assert [path.name for path in out.iterdir()] == ["o.csv.parts"]
    kept = ran(folder, out / "o.csv")[1].splitlines()[1]
    assert kept.endswith("of the rows had been read and scored by a call that was stopped: kept")
    assert int(kept.split()[0]) >= SHARD_ROWS


def test_a_folder_that_may_not_be_written_is_one_line_and_exit_2(folder: Path, out: Path) -> None:
    if os.geteuid() == 0:  # root may write everywhere but where the kernel does not
        place = Path("/proc/o.csv")
    else:
        out.chmod(0o555)
        place = out / "o.csv"
    try:
        code, said, err = ran(folder, place)
    finally:
        out.chmod(0o755)
    assert (code, said, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"{place}: cannot be written (")


def test_two_at_once_are_one_that_works_and_one_that_is_refused(folder: Path, out: Path) -> None:
    workers = [start(folder / "in.csv", out / "o.csv", folder / "model") for _ in range(2)]
    for worker in workers:
        worker.join()
    # The second is refused, or came when all was done.
    assert 0 in (codes := [worker.exitcode for worker in workers])
    assert set(codes) <= {0, 1}
    assert sorted(path.name for path in out.iterdir()) == ["o.csv", "o.csv.manifest.json", "o.csv.rejects.jsonl"]
