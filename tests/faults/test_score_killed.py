import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ukraine_stance import classifier
from ukraine_stance.calibration import Calibration
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.models.tfidf import TfidfModel, TfidfSettings

STANCE = Path(sys.executable).with_name("stance")
TEXTS = ("Veldmark lends its neighbour two ferries.", "Nobody should lend a ferry.", "The ferry left at noon.") * 2
ROWS = 30_000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scoring")
    model = TfidfModel(TfidfSettings((1, 2), (2, 5), 1, False, 1.0, None))
    rows = LabelledTexts(TEXTS, ("support for Veldmark",) * 6, np.array([0, 1, 2] * 2))
    (folder / "model").mkdir()
    model.fit(rows, rows, folder)
    classifier.save(model, Calibration(), {}, folder / "model")
    (folder / "in.csv").write_text("text\n" + "".join(f"Ferry {at} left {TEXTS[0] * 3}\n" for at in range(ROWS)))
    return folder


@pytest.fixture
def out(folder: Path) -> Iterator[Path]:
    out = folder / "out"
    out.mkdir()
    yield out
    for path in out.iterdir():
        path.unlink()
    out.rmdir()


def command(folder: Path, out: Path) -> list[str]:
    return [str(STANCE), "score", str(folder / "in.csv"), "--model", str(folder / "model"), "--out", str(out / "o.csv")]


def stopped_midway(folder: Path, out: Path, how: signal.Signals) -> tuple[int, str]:
    process = subprocess.Popen(command(folder, out), stderr=subprocess.PIPE, text=True)
    part = out / ".o.csv.tmp"
    end = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 100_000):
        assert process.poll() is None, "it ended before it was stopped"
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def test_a_killed_run_leaves_no_output_and_the_next_one_finishes_the_job(folder: Path, out: Path) -> None:
    assert stopped_midway(folder, out, signal.SIGKILL)[0] == -signal.SIGKILL
    left = set(names(out))
    assert left == {".o.csv.tmp", ".o.csv.rejects.jsonl.tmp"}
    assert stopped_midway(folder, out, signal.SIGKILL)[0] == -signal.SIGKILL
    assert set(names(out)) == left
    done = subprocess.run(command(folder, out), check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"{ROWS} rows: {ROWS} scored")
    assert set(names(out)) == {"o.csv", "o.csv.rejects.jsonl", "o.csv.manifest.json"}
    assert (out / "o.csv").read_text().count("\n") == ROWS + 1


def test_ctrl_c_leaves_nothing_and_exits_130(folder: Path, out: Path) -> None:
    code, err = stopped_midway(folder, out, signal.SIGINT)
    assert names(out) == []
    assert "Traceback" not in err
    assert code == 130


def test_a_full_disk_is_one_line_and_exit_2_and_leaves_nothing(folder: Path, out: Path) -> None:
    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    done = subprocess.run(command(folder, out), check=False, capture_output=True, text=True, preexec_fn=fill)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"{out / 'o.csv'}: cannot be written (File too large)")
    assert names(out) == []
