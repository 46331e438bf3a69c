"""`stance data check|agreement|tasks|import|suggest` as a user meets them: words, faults and exit codes."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ukraine_stance import classifier, cli
from ukraine_stance.calibration import Calibration
from ukraine_stance.corpus import articles, dataset
from ukraine_stance.corpus.annotations import Annotation
from ukraine_stance.files import sha256_text
from ukraine_stance.models import TfidfModel
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.project import Project


class Done(NamedTuple):
    code: int
    out: str
    err: str


Stance = Callable[..., Done]

TOWNS = ("Velden", "Arlo", "Marsk", "Tolm", "Ebern", "Sulo", "Orrin", "Pesk", "Lunt", "Narth", "Wessel", "Ibra")
SAYINGS = {
    "favor": "{} gives {} lorries eastward",
    "against": "Nobody in {} wants {} shipments",
    "neutral": "{} has about {} bridges",
}
ARTICLE = "Velden sends ambulances over the mountains. Its council meets again on Monday."


def texts() -> list[tuple[str, str]]:
    """Label and text of twelve statements of each stance."""
    return [
        (label, saying.format(town, f"{word}{at}"))
        for label, saying in SAYINGS.items()
        for at, (town, word) in enumerate(zip(TOWNS, TOWNS[::-1], strict=True))
    ]


def statement(number: int, label: str, text: str) -> dict[str, Any]:
    """A row of data/statements/ that two coders agree on; every eighth is disputed and settled by a third."""
    other = "neutral" if label != "neutral" else "against"
    labels = {"ann": label, "bo": other, "cy": label} if number % 8 == 0 else {"ann": label, "bo": label}
    votes = [{"coder": coder, "label": given, "codebook_version": "1.0"} for coder, given in labels.items()]
    return {
        "id": f"c{number}", "text": text, "label": label, "holder": "author", "aspect": "general",
        "kind": "constructed", "topic": "on", "hard_case": None, "contrast_group": None, "year": None, "date": None,
        "outlet": None, "source": None, "votes": votes,
    }  # fmt: skip


def annotations(path: Path) -> list[Annotation]:
    """Two coders' labels of the article's two sentences."""
    article = articles.read(path)
    ends = ARTICLE.index(".") + 1
    return [
        Annotation(
            article.article_id, article.sha256, start, end, sha256_text(article.body[start:end]), label, "", "general",
            coder, "1.0",
        )
        for start, end, label in ((0, ends, "favor"), (ends + 1, len(ARTICLE), "neutral"))
        for coder in ("ann", "bo")
    ]  # fmt: skip


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts) -> Path:
    """A project with built data, one labelled article in `articles` and a model in `model`."""
    root = tmp_path_factory.mktemp("project")
    rows = [statement(number, label, text) for number, (label, text) in enumerate(texts())]
    write_lines(root / "data" / "statements" / "a.jsonl", rows)
    (root / "articles").mkdir()
    (root / "articles" / "velden.txt").write_text(ARTICLE, encoding="utf-8")
    found = annotations(root / "articles" / "velden.txt")
    write_lines(root / "data" / "annotations" / "velden.jsonl", [asdict(one) for one in found])
    dataset.build(Project(root), None)
    (root / "model").mkdir()
    model = new_tfidf()
    model.fit(toy, toy, root / "model")
    classifier.save(model, Calibration(), {}, root / "model")
    return root


@pytest.fixture
def stance(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Stance:
    """Runs `stance data ...` on the project in an empty folder."""

    def run(command: str, *words: object) -> Done:
        root = () if command == "import" else ("--root", project)
        monkeypatch.setattr("sys.argv", ["stance", "data", command, *map(str, (*words, *root))])
        try:
            cli.main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Done(code, *capsys.readouterr())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # main sets it: it must not outlast the test
    return run


def users_rows(**changes: str) -> str:
    """A CSV of the statements in parts of their own; `changes` gives other texts by id."""
    folds = (0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4)
    rows = [f"u{at},{changes.get(f'u{at}', text)},{label},{folds[at % 12]}" for at, (label, text) in enumerate(texts())]
    return "\n".join(["id,text,label,fold", *rows]) + "\n"


# u12 is tested on; u16, of the training rows, has all of its words but one.
LEAK = {"u16": texts()[12][1].replace("shipments", "trains")}


def test_a_sound_dataset_passes_with_its_articles_sentences_found(stance: Stance, project: Path) -> None:
    done = stance("check", "--articles", project / "articles")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith("36 statements (") and len(done.err.splitlines()) == 1


def test_a_text_in_two_folds_is_refused_with_every_row_of_it(stance: Stance) -> None:
    twice = {"u16": texts()[12][1], "u17": texts()[13][1]}
    Path("mine.csv").write_text(users_rows(**twice), encoding="utf-8")
    done = stance("check", "mine.csv")
    assert done.code == 3
    assert sorted(done.out.splitlines()) == [
        "leak: one text stands in test and train (u12, u16)",
        "leak: one text stands in test and train (u13, u17)",
    ]


def test_a_file_of_no_table_is_one_clear_line(stance: Stance) -> None:
    Path("mine.md").write_text("# no table", encoding="utf-8")
    done = stance("check", "mine.md")
    assert done.code == 2 and done.err.splitlines() == [
        "mine.md: not read as labelled data; give a .csv, .tsv, .jsonl or .parquet file"
    ]


def test_a_leak_is_refused_with_exit_code_3_and_what_is_odd_only_told(stance: Stance) -> None:
    Path("mine.csv").write_text(users_rows(**LEAK, u1="Two words"), encoding="utf-8")
    done = stance("check", "mine.csv")
    assert done.code == 3
    first, second = done.out.splitlines()
    assert first.startswith("leak: near-duplicates in test and train, ") and first.endswith("(u12, u16)")
    assert second == "look at: length: under 3 words (u1)"
    assert done.err.splitlines()[-1] == "refused; findings that would make figures lie: 1"
    told = stance("check", "mine.csv", "--json")
    assert told.code == 3
    assert [(one["rule"], one["grave"], one["rows"]) for one in json.loads(told.out)] == [
        ("leak", True, ["u12", "u16"]),
        ("length", False, ["u1"]),
    ]


def test_odd_texts_alone_are_told_and_pass(stance: Stance) -> None:
    Path("mine.csv").write_text(users_rows(u1="Two words"), encoding="utf-8")
    done = stance("check", "mine.csv")
    assert (done.code, done.out) == (0, "look at: length: under 3 words (u1)\n")


def test_a_lost_sentence_is_refused(stance: Stance) -> None:
    Path("other").mkdir()
    Path("other/velden.txt").write_text("Velden sends nothing at all.", encoding="utf-8")
    done = stance("check", "--articles", "other")
    assert done.code == 3 and done.out.count("sentence changed") == 2


def test_a_file_that_cannot_be_read_or_two_sources_are_the_users_mistake(stance: Stance) -> None:
    Path("mine.csv").write_text("text,label\na,pro\n", encoding="utf-8")
    done = stance("check", "mine.csv")
    assert done.code == 2 and done.err.startswith(f"{Path('mine.csv').resolve()}: row 1: label is 'pro'")
    done = stance("check", "mine.csv", "--config", "mine.yaml")
    assert (done.code, done.err) == (2, "data check: give a FILE or a --config, not both\n")


def test_agreement_on_the_built_dataset_leaves_the_adjudicator_out(stance: Stance) -> None:
    done = stance("agreement", "--json", "--samples", "100")
    (part,) = json.loads(done.out)["parts"]
    assert (part["part"], part["statements"], part["adjudicators"]) == ("origin bundled", 36, ["cy"])
    assert part["estimates"]["agreement"]["value"] == pytest.approx(31 / 36)
    assert json.loads(done.out)["disputed"] == 5
    shown = stance("agreement", "--by", "kind", "--samples", "100")
    assert shown.code == 0 and "disputed statements: 5; --out FILE lists them" in shown.out
    assert "kind constructed" in shown.out and "cy saw only disputed statements and is left out" in shown.out


def test_disputed_statements_are_listed_and_nothing_is_overwritten_unasked(stance: Stance) -> None:
    Path("votes.csv").write_text("id,coder,label\n1,a,favor\n1,b,neutral\n2,a,favor\n2,b,favor\n", encoding="utf-8")
    words = ("agreement", "votes.csv", "--samples", "100", "--out", "disputed.csv")
    assert stance(*words).code == 0
    assert Path("disputed.csv").read_text() == "id,group,text,a,b,majority\n1,1,,favor,neutral,\n"
    Path("disputed.csv").write_text("mine")
    done = stance(*words)
    assert (done.code, done.err) == (2, "disputed.csv: exists already; --force replaces it\n")
    assert Path("disputed.csv").read_text() == "mine"
    assert stance(*words, "--force").code == 0 and Path("disputed.csv").read_text() != "mine"


def test_agreement_needs_two_coders_and_a_column_that_is_there(stance: Stance) -> None:
    Path("votes.csv").write_text("id,coder,label\n1,a,favor\n2,b,favor\n", encoding="utf-8")
    done = stance("agreement", "votes.csv")
    assert (done.code, done.err) == (2, "votes.csv: no statement has the votes of two coders\n")
    done = stance("agreement", "--by", "outlte")
    assert done.code == 2 and done.err.startswith("no column outlte (columns: id, ")


@pytest.mark.parametrize("suggesting", [False, True])
def test_tasks_name_their_files_and_the_rows_left_out(stance: Stance, project: Path, suggesting: bool) -> None:
    Path("pool.csv").write_text("id,text\n1,we will send tanks\n2,\n3,they block aid\n", encoding="utf-8")
    words = ("tasks", "pool.csv", "--out", "tasks.json", *(("--model", project / "model") if suggesting else ()))
    done = stance(*words)
    assert (done.code, done.out) == (0, "2 tasks, 1 rows left out\ntasks.json\ntasks.json.config.xml\n")
    assert done.err == "left out: pool.csv: row 2: text is empty\n"
    tasks = json.loads(Path("tasks.json").read_text(encoding="utf-8"))
    assert [task["data"]["statement_id"] for task in tasks] == ["1", "3"]
    choices = [task["predictions"][0]["result"][0]["value"]["choices"] for task in tasks if "predictions" in task]
    assert choices == ([["favor"], ["against"]] if suggesting else [])
    before = Path("tasks.json").read_bytes()
    again = stance(*words)
    assert (again.code, again.err) == (2, "tasks.json: exists already; --force replaces it\n")
    assert Path("tasks.json").read_bytes() == before


def test_an_import_counts_votes_and_says_what_it_left_out(stance: Stance) -> None:
    rows = [{"text": name, "statement_id": name, "label": []} for name in ("x", "y", "z")]
    for coder, labels in {"ann": ("favor", "favor"), "bo": ("favor", "neutral")}.items():
        given = [{**row, "label": [label]} for row, label in zip(rows, labels, strict=False)]
        write_lines(Path(f"{coder}.jsonl"), [*given, rows[2]])
    words = ("import", "ann.jsonl", "bo.jsonl", "--tool", "doccano", "--codebook", "1.7", "--out")
    done = stance(*words, "out.jsonl")
    assert done == (0, "3 statements: 1 labelled, 1 tied, 1 unlabelled\nvotes: ann 2, bo 2\nout.jsonl\n", "")
    told = [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["label"] for row in told] == ["favor", None, None]
    assert {vote["codebook_version"] for row in told for vote in row["votes"]} == {"1.7"}
    assert stance(*words, "out.jsonl").err == "out.jsonl: exists already; --force replaces it\n"
    alone = stance(*words, "out.csv", "--labelled-only")
    assert alone.err == "left out: 2; agreement on this file alone would look too good\n"
    assert len(Path("out.csv").read_text(encoding="utf-8").splitlines()) == 2
    broken = stance("import", "none.json", "--out", "other.csv")
    assert broken.code == 2 and broken.err.startswith("none.json: cannot be read") and not Path("other.csv").exists()


def test_what_is_suggested_is_a_pool_of_its_own(stance: Stance, project: Path) -> None:
    pool: list[dict[str, Any]] = [
        {"text": text, "year": 2022 if at % 2 else None} for at, (_, text) in enumerate(texts())
    ]
    write_lines(Path("pool.jsonl"), [*pool, {"text": " "}])
    words = ("suggest", "pool.jsonl", "--model", project / "model", "--count", "3", "--out", "next.jsonl")
    done = stance(*words)
    assert (done.code, done.out) == (0, "3 of 36 statements, 1 rows left out\nnext.jsonl\n")
    assert done.err == "left out: pool.jsonl: row 37: text is empty\n"
    rows = [json.loads(line) for line in Path("next.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        assert pool[int(row["id"].removeprefix("pool-")) - 1] == {"text": row["text"], "year": row.get("year")}
    told = [row["uncertainty"] for row in rows]
    assert told == sorted(told, reverse=True) and all(0 < one <= 1 for one in told)
    assert stance("tasks", "next.jsonl", "--out", "tasks.json").out.startswith("3 tasks, 0 rows left out")
    assert stance(*words).err == "next.jsonl: exists already; --force replaces it\n"
    assert stance(*words, "--force").code == 0
    many = stance("suggest", "pool.jsonl", "--model", project / "model", "--count", "37", "--out", "many.csv")
    assert many.code == 2 and many.err.startswith("37 statements wanted, the pool holds 36 different ones")


def test_the_commands_exit_code_is_the_processs(project: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(users_rows(**LEAK), encoding="utf-8")
    command = [sys.executable, "-m", "ukraine_stance.cli", "data", "check", "mine.csv", "--root", str(project)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 3 and "Traceback" not in done.stderr
