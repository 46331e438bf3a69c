"""The command line as a user meets it: words on stdout, faults on stderr, exit codes."""

import json
import re
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from ukraine_stance.project import Project

Stance = Callable[..., subprocess.CompletedProcess[str]]

REPOSITORY = Path(__file__).parents[1]
TFIDF = str(REPOSITORY / "configs" / "train" / "tfidf.yaml")
QUICK = [
    "--set",
    "tracking.enabled=false",
    "--set",
    "evaluation.bootstrap_samples=100",
    "--set",
    "model.char_ngrams=null",
]


@pytest.fixture(scope="module")
def project(few_statements: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory, stance: Stance) -> Path:
    root = few_statements(tmp_path_factory.mktemp("project")).root
    assert stance("data", "build", cwd=root).returncode == 0
    return root


@pytest.fixture(scope="module")
def run(project: Path, stance: Stance) -> Path:
    done = stance("train", TFIDF, *QUICK, "--out", "first", cwd=project)
    assert done.returncode == 0, done.stderr
    return project / "first"


def test_a_build_without_articles_says_so(project: Path, stance: Stance) -> None:
    done = stance("data", "build", cwd=project)
    assert "bundled statements alone" in done.stdout
    assert done.stdout.splitlines()[-1] == str(project / "data" / "built")


def test_training_without_built_data_names_the_command(tmp_path: Path, stance: Stance) -> None:
    done = stance("train", TFIDF, *QUICK, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip() == f"{tmp_path / 'data/built/dataset.parquet'}: missing; run: stance data build"


def test_the_last_line_of_training_is_the_run_folder(project: Path, stance: Stance) -> None:
    done = stance("train", TFIDF, *QUICK, "--set", f"name={'long-' * 12}name", cwd=project)
    folder = Path(done.stdout.splitlines()[-1])
    assert done.returncode == 0 and folder.is_dir() and folder.parent == project / "experiments" / "runs"
    assert "Traceback" not in done.stderr


def test_a_run_has_a_card_that_tells_its_figures_and_no_path(project: Path, run: Path) -> None:
    from huggingface_hub import ModelCard

    card = ModelCard.load(run / "README.md")
    parts = {part["part"]: part for part in json.loads((run / "metrics.json").read_text())["parts"]}
    told = {one.metric_name.split(" (")[0]: one.metric_value for one in card.data.eval_results}
    assert told["macro-F1"] == pytest.approx(parts["test"]["estimates"]["macro_f1"]["value"], abs=1e-4)
    assert json.loads((run / "model.json").read_text())["model_id"] in card.text
    assert not [word for word in re.findall(r"/\w[\w/.-]*", card.content) if Path(word).exists() and word != "/"]
    texts = [json.loads(line)["text"] for path in (project / "data").rglob("*.jsonl") for line in path.open()]
    assert texts and not [text for text in texts if text in card.content]


def test_a_run_is_never_overwritten_unasked(project: Path, run: Path, stance: Stance) -> None:
    before = (run / "provenance.json").read_bytes()
    done = stance("train", TFIDF, *QUICK, "--out", "first", cwd=project)
    assert done.returncode == 2 and "exists already" in done.stderr
    assert (run / "provenance.json").read_bytes() == before


def test_weights_that_are_not_there_are_named_before_there_is_a_run(project: Path, stance: Stance) -> None:
    minilm = str(REPOSITORY / "configs" / "train" / "minilm.yaml")
    done = stance("train", minilm, "--set", "model.checkpoint=./nowhere", "--out", "weightless", cwd=project)
    said = "model.checkpoint: there is no folder ./nowhere, seen from the current one\n"
    assert (done.returncode, done.stderr) == (2, said)
    assert not (project / "weightless").exists()


def test_force_never_removes_what_is_no_run(project: Path, stance: Stance) -> None:
    (project / "letters").mkdir()
    (project / "letters" / "mine.txt").write_text("mine")
    done = stance("train", TFIDF, *QUICK, "--out", "letters", "--force", cwd=project)
    assert done.returncode == 2 and (project / "letters" / "mine.txt").read_text() == "mine"


def test_the_same_config_gives_the_same_model_and_figures(project: Path, run: Path, stance: Stance) -> None:
    assert stance("train", TFIDF, *QUICK, "--out", "again", cwd=project).returncode == 0
    assert json.loads((project / "again" / "metrics.json").read_text()) == json.loads(
        (run / "metrics.json").read_text()
    )


def test_four_faults_of_a_config_and_an_override_are_told_at_once(project: Path, stance: Stance) -> None:
    (project / "bad.yaml").write_text(
        "name: bad\nseed: seven\ndata:\n  artikles: test\n"
        "model:\n  family: tfidf\n  c: 8.0\n  c: 4.0\n  class_weight: null\n"
    )
    done = stance("config", "check", "bad.yaml", "--set", "model.ngram=3", cwd=project)
    assert done.returncode == 2 and done.stdout == ""
    lines = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "bad.yaml:2:1",
        "bad.yaml:4:3",
        "bad.yaml:8:3",
        "--set model.ngram=3",
    ]
    assert "did you mean 'articles'" in lines[1] and "given twice" in lines[2]


def test_what_config_show_prints_is_a_config(project: Path, stance: Stance) -> None:
    shown = stance("config", "show", TFIDF, "--set", "model.c=0.5", cwd=project)
    assert "c: 0.5" in shown.stdout and "--set model.c=0.5" in shown.stdout
    (project / "shown.yaml").write_text(shown.stdout)
    assert stance("config", "check", "shown.yaml", cwd=project).returncode == 0


def test_an_evaluation_is_told_as_json(project: Path, run: Path, stance: Stance) -> None:
    done = stance("evaluate", run, "--json", "--samples", "100", cwd=project)
    found = json.loads(done.stdout)
    test = found["results"][0]
    assert test["part"] == "test" and sum(map(sum, test["confusion"])) == test["statements"]
    low, value, high = (test["estimates"]["macro_f1"][name] for name in ("low", "value", "high"))
    assert low <= value <= high


def test_a_wanted_share_of_answers_is_kept_from_the_config_to_the_scored_file(
    project: Path, run: Path, stance: Stance
) -> None:
    done = stance("train", TFIDF, *QUICK, "--set", "abstention.coverage=0.3", "--out", "unsure", cwd=project)
    assert done.returncode == 0, done.stderr
    calibration = json.loads((project / "unsure" / "model.json").read_text())["calibration"]
    facts = json.loads((project / "unsure" / "history.json").read_text())["facts"]["abstention"]
    assert facts == {"threshold": calibration["threshold"], **calibration["choice"]}
    assert facts["wanted_coverage"] == 0.3 and 0.3 <= facts["coverage"] < 0.35 and facts["reached"]

    source = sorted((project / "data" / "statements").glob("*.jsonl"))[0]
    texts = [json.loads(line)["text"] for line in source.read_text(encoding="utf-8").splitlines()[:30]]
    (project / "unsure.in.jsonl").write_text("".join(f"{json.dumps({'text': text})}\n" for text in texts))
    done = stance("score", "unsure.in.jsonl", "--model", "unsure", "--out", "unsure.jsonl", cwd=project)
    rows = [json.loads(line) for line in (project / "unsure.jsonl").read_text().splitlines()]
    answered = [row["stance"] != "" for row in rows]
    assert answered == [row["confidence"] >= facts["threshold"] for row in rows] and 0 < sum(answered) < 30
    assert f"abstained on {30 - sum(answered)} rows" in done.stdout
    assert all(row[f"p_{row['stance']}"] == row["confidence"] for row in rows if row["stance"])


def test_a_precision_that_validation_cannot_show_costs_a_warning_and_not_the_training(
    project: Path, stance: Stance
) -> None:
    done = stance("train", TFIDF, *QUICK, "--set", "abstention.precision=0.999", "--out", "sure", cwd=project)
    assert done.returncode == 0 and "no threshold shows a precision of 0.999" in done.stderr
    calibration = json.loads((project / "sure" / "model.json").read_text())["calibration"]
    assert calibration["threshold"] == 0 and calibration["choice"]["reached"] is False
    (project / "one.csv").write_text("text\nKyiv needs shells.\n")
    scored = stance("score", "one.csv", "--model", "sure", "--out", "one.jsonl", cwd=project)
    assert scored.returncode == 0 and "the model answers everything" in scored.stderr
    assert json.loads((project / "one.jsonl").read_text())["stance"] != ""


def test_figures_are_told_for_the_shares_of_the_users_field(project: Path, run: Path, stance: Stance) -> None:
    shares = "neutral=0.8,favor=0.1,against=0.1"
    done = stance("evaluate", run, "--json", "--no-cases", "--samples", "100", "--field-shares", shares, cwd=project)
    told = json.loads(done.stdout)
    assert told["field"]["test"]["first"]["shares"] == {"favor": 0.1, "against": 0.1, "neutral": 0.8}
    counts = told["results"][0]["confusion"]
    rows = [[cell / sum(row) * share for cell in row] for row, share in zip(counts, (0.1, 0.1, 0.8), strict=True)]
    expected = rows[1][1] / sum(row[1] for row in rows)
    found = told["field"]["test"]["first"]["estimates"]["precision_against"]
    assert found["value"] == pytest.approx(expected) and found["low"] < expected < found["high"]
    points = told["curves"]["test"]["first"]["risk_coverage"]
    assert points[-1]["risk"]["value"] == pytest.approx(1 - told["results"][0]["estimates"]["accuracy"]["value"])
    wrong = stance("compare", run, run, "--field-shares", "favor=1", cwd=project)
    assert wrong.returncode == 2 and len(wrong.stderr.splitlines()) == 1 and "--field-shares favor=1" in wrong.stderr


def test_a_model_is_not_compared_with_itself(project: Path, run: Path, stance: Stance) -> None:
    done = stance("compare", run, run, "--samples", "100", cwd=project)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "are the same model" in done.stderr


def test_cases_are_not_both_asked_for_and_left_out(project: Path, run: Path, stance: Stance) -> None:
    done = stance("evaluate", run, "--cases", "mine", "--no-cases", cwd=project)
    assert done.returncode == 2 and "--no-cases runs none" in done.stderr


def test_a_labelled_file_with_a_wrong_label_is_refused_by_row(project: Path, run: Path, stance: Stance) -> None:
    (project / "gold.csv").write_text("text,label\nThey will send more.,favor\nThey will not.,againts\n")
    done = stance("evaluate", run, "--data", "gold.csv", cwd=project)
    assert done.returncode == 2
    assert (
        done.stderr.strip()
        == "gold.csv: row 2: label is 'againts', none of favor, against, neutral; did you mean 'against'?"
    )


def test_a_file_without_one_class_says_which_figures_are_undefined(project: Path, run: Path, stance: Stance) -> None:
    (project / "two.csv").write_text("text,label\nThey will send more.,favor\nThey met on Monday.,neutral\n")
    done = stance("evaluate", run, "--data", "two.csv", "--samples", "100", cwd=project)
    assert done.returncode == 0
    assert "undefined" in done.stdout and "no gold against" in done.stdout


def test_a_users_file_trains_by_naming_it(project: Path, stance: Stance) -> None:
    words = {"favor": "will send", "against": "refuses to send", "neutral": "counted the"}
    rows = [f"The mayor {verb} {number} lorries.,{label}" for label, verb in words.items() for number in range(20)]
    (project / "mine.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    sets = ["--set", "data.files=[mine.csv]", "--set", "data.bundled=false"]
    done = stance("train", TFIDF, *QUICK, *sets, "--out", "mine", cwd=project)
    assert done.returncode == 0, done.stderr
    assert json.loads((project / "mine" / "metrics.json").read_text())["parts"][1]["statements"] == 12


def test_articles_become_rows_and_are_scored(project: Path, run: Path, stance: Stance) -> None:
    (project / "articles").mkdir()
    body = "The town of Velden will give two lorries to Kyiv, its mayor said. The council meets on Monday."
    text = f"Town gives lorries\n\n{body}\n"
    (project / "articles" / "velden.txt").write_text(text)
    assert stance("data", "split", "articles", "--out", "rows.csv", cwd=project).returncode == 0
    assert stance("score", "rows.csv", "--model", run, "--out", "scored.jsonl", cwd=project).returncode == 0
    rows = [json.loads(line) for line in (project / "scored.jsonl").read_text().splitlines()]
    assert [text[int(row["start"]) : int(row["end"])] for row in rows] == [row["text"] for row in rows]
    assert len(rows) == 3 and {"stance", "p_favor", "confidence", "model_id"} <= rows[0].keys()


def test_dropped_lines_of_an_article_are_listed_on_request(project: Path, stance: Stance) -> None:
    (project / "pages").mkdir()
    page = "Skip to content\n\nBridge reopens in Velden\n\nThe bridge was closed for nine days, the mayor said.\n"
    (project / "pages" / "bridge.txt").write_text(page)
    done = stance("data", "split", "pages", "--out", "bridge.csv", "--explain", cwd=project)
    assert done.stdout.splitlines()[0] == "bridge.txt:1: dropped (navigation): Skip to content"
    assert "2 statements of 1 articles" in done.stdout


def test_a_folder_that_is_no_model_is_one_line(project: Path, stance: Stance) -> None:
    done = stance("evaluate", "data", cwd=project)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "no model here" in done.stderr


def test_the_version_is_the_packages(stance: Stance, tmp_path: Path) -> None:
    done = stance("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"stance {version('ukraine-stance')}\n")
