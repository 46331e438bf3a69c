"""kill -9 and Ctrl-C at several points: the same command goes on, and ends with the bits of an undisturbed run."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ukraine_stance.corpus import dataset
from ukraine_stance.project import Project

REPOSITORY = Path(__file__).parents[2]
STANCE = Path(sys.executable).with_name("stance")
FILES = ("predictions.parquet", "results.json", "evaluation/index.html", "evaluation/predictions.parquet")
ROUNDS = tuple(f"rounds/{number}.parquet" for number in range(5))


@pytest.fixture(scope="module")
def project(few_statements: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = few_statements(tmp_path_factory.mktemp("project"))
    dataset.build(made, None)
    return made.root


def command(project: Path, out: Path) -> list[str]:
    words = ["cross-validate", REPOSITORY / "configs" / "train" / "tfidf.yaml", "--root", project, "--out", out]
    sets = ("tracking.enabled=false", "evaluation.bootstrap_samples=100", "model.char_ngrams=null")
    return [str(STANCE), *map(str, words), *(word for value in sets for word in ("--set", value))]


@pytest.fixture(scope="module")
def undisturbed(project: Path) -> Path:
    subprocess.run(command(project, project / "undisturbed"), check=True, capture_output=True)
    return project / "undisturbed"


def stopped_when(project: Path, out: Path, there: str, how: signal.Signals) -> tuple[int, str]:
    process = subprocess.Popen(command(project, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not (out / there).exists():
        assert process.poll() is None, "it ended before it was stopped"
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    return process.returncode, err


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_undisturbed(project: Path, undisturbed: Path) -> None:
    out = project / "killed"
    # While a model is saved, between two rounds, after the last.
    for there in ("work/model", ROUNDS[1], ROUNDS[4]):
        assert stopped_when(project, out, there, signal.SIGKILL)[0] == -signal.SIGKILL
        assert not (out / "results.json").exists()
    before = {name: (out / name).stat().st_mtime_ns for name in ROUNDS}
    done = subprocess.run(command(project, out), check=True, capture_output=True, text=True)
    assert done.stderr.count(": done before\n") == 5
    assert {name: (out / name).stat().st_mtime_ns for name in ROUNDS} == before
    for name in (*FILES, *ROUNDS):
        assert (out / name).read_bytes() == (undisturbed / name).read_bytes()
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp") or path.name == "work"]
    assert not list(project.glob(".killed*"))


def test_ctrl_c_keeps_the_rounds_and_exits_130(project: Path, undisturbed: Path) -> None:
    out = project / "interrupted"
    code, err = stopped_when(project, out, ROUNDS[0], signal.SIGINT)
    assert code == 130 and "Traceback" not in err
    assert f"{out}: keeps the rounds that are done; the same command goes on with the others" in err
    assert not (out / "work").exists() and not list(project.glob(".interrupted*"))
    subprocess.run(command(project, out), check=True, capture_output=True)
    assert [(out / name).read_bytes() for name in FILES] == [(undisturbed / name).read_bytes() for name in FILES]
