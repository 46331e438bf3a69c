"""`stance cross-validate` as a user meets it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Stance = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).parents[1]
TFIDF = REPOSITORY / "configs" / "train" / "tfidf.yaml"
SETS = (
    "tracking.enabled=false",
    "evaluation.bootstrap_samples=100",
    "model.char_ngrams=null",
    "data.bundled=false",
    "data.files=[own.csv]",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, stance: Stance) -> Path:
    """Sixty statements of ten outlets and three years, of the user's own."""
    root = tmp_path_factory.mktemp("project")
    (root / "data" / "statements").mkdir(parents=True)
    for path in (REPOSITORY / "data" / "statements").glob("*.jsonl"):
        few = path.read_text(encoding="utf-8").splitlines(keepends=True)[::100]
        (root / "data" / "statements" / path.name).write_text("".join(few), encoding="utf-8")
    words = {"favor": "will send", "against": "refuses to send", "neutral": "counted the"}
    rows = [
        f"The mayor {verb} {number} lorries.,{label},Paper {number % 10},{2022 + number % 3}"
        for label, verb in words.items()
        for number in range(20)
    ]
    (root / "own.csv").write_text("text,label,outlet,year\n" + "\n".join(rows) + "\n")
    assert stance("data", "build", cwd=root).returncode == 0
    return root


def cross_validate(stance: Stance, project: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    sets = [word for value in SETS for word in ("--set", value)]
    return stance("cross-validate", TFIDF, *sets, *words, cwd=project)


def test_rounds_their_sum_and_their_spread_are_told_and_the_page_is_last(project: Path, stance: Stance) -> None:
    done = cross_validate(stance, project, "--hold-out", "outlet", "--out", "outlets")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == "round 1 of 5, outlets 0: trains on 36, validates on 12, tests 12"
    told = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert [line.split("│")[1].strip() for line in told] == [
        *(f"outlets {number}" for number in range(5)), "unseen outlets", "mean (SD) of 5",
    ]  # fmt: skip
    assert "note: 10 outlets in 5 sets" in done.stdout and "no standard error" in done.stdout
    assert done.stdout.splitlines()[-1] == "outlets/evaluation/index.html"
    assert (project / "outlets" / "evaluation" / "index.html").is_file()


def test_a_period_is_one_row_and_json_is_what_stands_in_the_folder(project: Path, stance: Stance) -> None:
    done = cross_validate(stance, project, "--hold-out", "period", "--from", "2024", "--out", "later")
    assert done.returncode == 0, done.stderr
    (told,) = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert told.split("│")[1].strip() == "from 2024"
    assert "SD" not in done.stdout
    again = cross_validate(stance, project, "--hold-out", "period", "--from", "2024", "--out", "later", "--json")
    assert again.returncode == 0 and "finished before" in again.stderr
    assert json.loads(again.stdout) == json.loads((project / "later" / "results.json").read_text())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--hold-out", "period", "--from", "soon"), "--from soon: neither a year nor a day; give one such as"),
        (("--hold-out", "period"), "--hold-out period needs --from"),
        (("--from", "2024"), "--from 2024: belongs to --hold-out period, not to fold"),
        (("--hold-out", "period", "--from", "2030"), "--from 2030: no statement is dated from 2030; the dates lie"),
        (("--set", "data.files=[absent.csv]"), "absent.csv"),
    ],
)
def test_a_mistake_is_one_line_and_makes_no_folder(
    project: Path, words: tuple[str, ...], said: str, stance: Stance
) -> None:
    done = cross_validate(stance, project, *words, "--out", "wrong")
    assert done.returncode == 2 and done.stdout == ""
    assert said in done.stderr and len(done.stderr.splitlines()) == 1
    assert not (project / "wrong").exists()


def test_a_folder_of_another_config_is_refused_and_force_replaces_it(project: Path, stance: Stance) -> None:
    assert cross_validate(stance, project, "--out", "mine").returncode == 0
    before = (project / "mine" / "results.json").read_bytes()
    done = cross_validate(stance, project, "--set", "model.c=4", "--out", "mine")
    assert done.returncode == 2 and "config.model.c: 8.0 there, 4.0 here" in done.stderr
    assert (project / "mine" / "results.json").read_bytes() == before
    assert cross_validate(stance, project, "--set", "model.c=4", "--out", "mine", "--force").returncode == 0
    assert (project / "mine" / "results.json").read_bytes() != before
