"""Building the dataset of an invented project, and loading it as a config asks."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ukraine_stance.config import DataConfig
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.dataset import SCHEMA, BuildSummary, Dataset
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_text
from ukraine_stance.labels import TARGET
from ukraine_stance.project import Project

LABELS = ("favor", "against", "neutral")
SENTENCES = {
    "favor": "The minister of {} promised more tanks for Kyiv.",
    "against": "The deputy from {} said that not one more shell should be sent.",
    "neutral": "The delegations of {} met for three hours on Tuesday.",
}
TOWNS = ("Arden", "Belmont", "Corvin", "Dunmore", "Elswick")


@dataclass
class Mini:
    """A project folder with invented statements, articles and annotations."""

    root: Path

    @property
    def project(self) -> Project:
        return Project(self.root)

    @property
    def articles(self) -> Path:
        return self.root / "articles"

    def statements(self, count: int = 30, name: str = "a", **changed: Any) -> None:
        rows = [_statement(f"{name}{number}", LABELS[number % 3], **changed) for number in range(count)]
        _write_lines(self.root / "data" / "statements" / f"{name}.jsonl", rows)

    def article(self, name: str, sentences: list[tuple[str, str]]) -> None:
        """An article of one sentence a line, each with its label by one coder."""
        body = "".join(f"{text}\n\n" for text, _ in sentences)
        self.articles.mkdir(exist_ok=True)
        (self.articles / f"{name}.txt").write_text(body, encoding="utf-8")
        rows = [_annotation(name, body, text, label) for text, label in sentences]
        _write_lines(self.root / "data" / "annotations" / f"{name}.jsonl", rows)

    def build(self, articles: bool = True) -> BuildSummary:
        return dataset.build(self.project, self.articles if articles else None)

    def built(self) -> pd.DataFrame:
        return pq.read_table(self.project.built / "dataset.parquet").to_pandas().set_index("id", drop=False)

    def load(self, **config: Any) -> Dataset:
        return dataset.load(self.project, DataConfig(**config))

    def user_file(self, rows: list[dict[str, Any]], name: str = "mine.csv") -> None:
        pd.DataFrame(rows).to_csv(self.root / name, index=False)


def _statement(row_id: str, label: str, **changed: Any) -> dict[str, Any]:
    row = {
        "id": row_id, "text": f"Statement {row_id} of its own.", "label": label, "holder": "author",
        "aspect": "general", "kind": "constructed", "topic": "on", "hard_case": None, "contrast_group": None,
        "year": 2024, "date": "2024-05-01", "outlet": None, "source": None,
        "votes": [{"coder": "a", "label": label, "codebook_version": "1.0"}],
    }  # fmt: skip
    return {**row, **changed}


def _annotation(name: str, body: str, text: str, label: str, **changed: Any) -> dict[str, Any]:
    start = body.index(text)
    row = {
        "article_id": name, "article_sha256": sha256_text(body), "start": start, "end": start + len(text),
        "sha256": sha256_text(text), "label": label, "holder": "author", "aspect": "general", "coder": "one",
        "codebook_version": "1.0",
    }  # fmt: skip
    return {**row, **changed}


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def _sentences(town: str) -> list[tuple[str, str]]:
    return [(text.format(town), label) for label, text in SENTENCES.items()]


def _saved_folds(path: Path) -> dict[str, int]:
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["group"]: int(row["fold"]) for row in csv.DictReader(stream)}


def _parts(data: Dataset) -> dict[str, str]:
    return dict(zip(data.frame["id"], data.frame["part"], strict=True))


@pytest.fixture
def mini(tmp_path: Path) -> Mini:
    """30 statements and five articles with a sentence of each stance."""
    made = Mini(tmp_path)
    made.statements()
    for number, town in enumerate(TOWNS):
        made.article(f"{number:03d}_{town.lower()}", _sentences(town))
    return made


# Build


def test_without_articles_the_dataset_holds_the_statements_alone(mini: Mini) -> None:
    summary = mini.build(articles=False)
    assert summary.counts["bundled"] == {"favor": 10, "against": 10, "neutral": 10}
    assert summary.counts["article"] == {"favor": 0, "against": 0, "neutral": 0}
    assert summary.left_out == ()
    assert set(mini.built()["origin"]) == {"bundled"}


def test_with_articles_each_labelled_sentence_is_a_row(mini: Mini) -> None:
    summary = mini.build()
    assert summary.counts["article"] == {"favor": 5, "against": 5, "neutral": 5}
    frame = mini.built()
    row = frame[(frame["group"] == "000_arden") & (frame["label"] == "favor")].iloc[0]
    body = (mini.articles / "000_arden.txt").read_text(encoding="utf-8")
    start, end = map(int, row["id"].split("-")[1:])
    assert row["text"] == body[start:end] == "The minister of Arden promised more tanks for Kyiv."
    assert (row["origin"], row["target"], row["source"]) == ("article", TARGET, "000_arden.txt")
    assert [vote["coder"] for vote in row["votes"]] == ["one"]


def test_the_built_table_has_its_schema_and_the_summary_its_counts(mini: Mini) -> None:
    summary = mini.build()
    assert pq.read_schema(mini.project.built / "dataset.parquet").equals(SCHEMA)
    written = json.loads((mini.project.built / "summary.json").read_text())
    assert written["counts"] == summary.counts
    assert written["left_out"] == []


def test_no_article_straddles_two_folds_and_every_origin_fills_them(mini: Mini) -> None:
    mini.build()
    frame = mini.built()
    assert (frame.groupby("group")["fold"].nunique() == 1).all()
    for origin in ("bundled", "article"):
        assert set(frame.loc[frame["origin"] == origin, "fold"]) == {0, 1, 2, 3, 4}


def test_building_twice_gives_the_same_bytes(mini: Mini) -> None:
    mini.build()
    before = {path.name: path.read_bytes() for path in mini.project.built.iterdir()}
    mini.build()
    assert {path.name: path.read_bytes() for path in mini.project.built.iterdir()} == before


def test_folds_of_unchanged_rows_stay_when_the_data_grow_and_shrink(mini: Mini) -> None:
    mini.build()
    before = mini.built()["fold"]
    mini.statements(60, name="b")
    for number, town in enumerate(("Aston", "Bray", "Crewe")):
        mini.article(f"00{number}_{town.lower()}", _sentences(town))
    (mini.articles / "004_elswick.txt").unlink()
    mini.build()
    grown = mini.built()["fold"]
    assert len(grown) == 30 + 60 + 7 * 3
    both = before.index.intersection(grown.index)
    assert (before[both] == grown[both]).all()
    assert len(both) == 42


def test_an_article_that_comes_back_finds_its_old_fold(mini: Mini) -> None:
    mini.build()
    before = mini.built()["fold"]
    mini.build(articles=False)
    for town in ("Aston", "Bray", "Crewe"):
        mini.article(town.lower(), [*_sentences(f"Old {town}"), *_sentences(f"New {town}")])
    mini.build()
    assert (mini.built()["fold"][before.index] == before).all()


def test_folds_saved_with_the_project_win_over_those_of_the_last_build(mini: Mini) -> None:
    mini.build()
    moved = (mini.built()["fold"]["a0"] + 1) % 5
    (mini.root / "data" / "folds.csv").write_text(f"group,fold\na0,{moved}\n")
    mini.build()
    assert mini.built()["fold"]["a0"] == moved
    assert _saved_folds(mini.project.built / "folds.csv")["a0"] == moved


@pytest.mark.parametrize("line", ["a0,5", "a0,-1", "a0,two", "a0", ",1", "a0,", "a0,1\na0,2"])
def test_a_fold_that_is_none_is_refused_by_its_line(mini: Mini, line: str) -> None:
    (mini.root / "data" / "folds.csv").write_text(f"group,fold\n{line}\n")
    with pytest.raises(UserMistake, match=r"folds\.csv:\d: needs a group, once, and its fold"):
        mini.build()


def test_a_build_that_fails_leaves_the_old_one_whole(mini: Mini) -> None:
    mini.build()
    before = {path.name: path.read_bytes() for path in mini.project.built.iterdir()}
    mini.statements(3, name="b", topic="unheard")
    with pytest.raises(UserMistake, match=r"b\.jsonl:1: topic"):
        mini.build()
    assert {path.name: path.read_bytes() for path in mini.project.built.iterdir()} == before


def test_a_build_cut_off_while_writing_leaves_the_old_one_whole_and_no_rest(
    mini: Mini, monkeypatch: pytest.MonkeyPatch
) -> None:
    mini.build()
    before = {path.name: path.read_bytes() for path in mini.project.built.iterdir()}

    mini.statements(3, name="b")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(dataset, "_write_folds", full)
    with pytest.raises(UserMistake, match="cannot be written"):
        mini.build()
    assert {path.name: path.read_bytes() for path in mini.project.built.iterdir()} == before
    assert [path.name for path in mini.project.built.parent.iterdir() if path.name.startswith(".")] == []


def test_a_sentence_that_changed_is_left_out_and_named(mini: Mini) -> None:
    path = mini.articles / "000_arden.txt"
    path.write_text(path.read_text().replace("more tanks", "no more tanks"))
    summary = mini.build()
    assert summary.counts["article"] == {"favor": 4, "against": 5, "neutral": 5}
    (line,) = summary.left_out
    assert line.startswith("000_arden [0:51] by one: ")


def test_the_label_of_most_coders_counts_and_a_tie_is_left_out(mini: Mini) -> None:
    path = mini.root / "data" / "annotations" / "000_arden.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    more = [
        {**rows[0], "coder": "two", "label": "neutral"},
        {**rows[0], "coder": "three", "label": "neutral", "holder": "x"},
        {**rows[1], "coder": "two", "label": "neutral"},
    ]
    _write_lines(path, rows + more)
    summary = mini.build()
    frame = mini.built()
    first = frame[frame["text"] == SENTENCES["favor"].format("Arden")].iloc[0]
    assert (first["label"], first["holder"], len(first["votes"])) == ("neutral", "x", 3)
    assert [line.split(": ")[1] for line in summary.left_out] == ["no label that most votes name"]


def test_a_sentence_that_two_articles_share_is_kept_once_and_named(mini: Mini) -> None:
    mini.build()
    before = mini.built()["fold"]
    shared = [(SENTENCES["favor"].format(town), "favor") for town in ("Arden", "Corvin")]
    mini.article("005_summary", [*shared, ("The summary ends with a sentence of its own.", "neutral")])
    summary = mini.build()
    after = mini.built()["fold"]
    assert (after[before.index] == before).all()
    assert len(after) == len(before) + 1
    assert [
        "has the text of 000_arden" in line or "has the text of 002_corvin" in line for line in summary.left_out
    ] == [
        True,
        True,
    ]


def test_a_sentence_repeated_inside_one_article_is_kept_twice(mini: Mini) -> None:
    once = "Nobody in the hall answered that question."
    body = f"{once}\n\n{once}\n"
    mini.article("009_twice", [(once, "neutral")])
    (mini.articles / "009_twice.txt").write_text(body)
    first = _annotation("009_twice", body, once, "neutral")
    second = {**first, "start": len(once) + 2, "end": 2 * len(once) + 2}
    _write_lines(mini.root / "data" / "annotations" / "009_twice.jsonl", [first, second])
    mini.build()
    assert (mini.built()["group"] == "009_twice").sum() == 2


def test_an_article_sentence_that_is_also_a_statement_is_left_out_and_named(mini: Mini) -> None:
    text = SENTENCES["favor"].format("Arden").upper()
    _write_lines(mini.root / "data" / "statements" / "b.jsonl", [_statement("b0", "favor", text=text)])
    summary = mini.build()
    assert [line.split(": ")[1] for line in summary.left_out] == ["has the text of b0"]
    for articles in ("test", "train", "folds"):
        assert mini.load(articles=articles).frame["text"].str.casefold().is_unique


# Load


def test_articles_are_all_kept_for_the_test_by_default(mini: Mini) -> None:
    mini.build()
    data = mini.load()
    assert set(data.part("articles")["origin"]) == {"article"}
    assert len(data.part("articles")) == 15
    for name in ("train", "validation", "test"):
        assert set(data.part(name)["origin"]) == {"bundled"}
    assert sum(len(data.part(name)) for name in dataset.PARTS) == len(data.frame) == 45


def test_articles_are_all_trained_on_where_the_config_says_train(mini: Mini) -> None:
    mini.build()
    data = mini.load(articles="train")
    assert (data.part("train")["origin"] == "article").sum() == 15
    assert data.part("articles").empty
    assert not (data.part("test")["origin"] == "article").any()


def test_articles_stay_in_their_folds_where_the_config_says_folds(mini: Mini) -> None:
    mini.build()
    folds = mini.built()["fold"]
    parts = _parts(mini.load(articles="folds"))
    names = {0: "test", 1: "validation", 2: "train", 3: "train", 4: "train"}
    assert parts == {row: names[fold] for row, fold in folds.items()}


@pytest.mark.parametrize("articles", ["train", "folds"])
def test_articles_that_were_not_built_are_said(mini: Mini, articles: str) -> None:
    mini.build(articles=False)
    with pytest.raises(UserMistake, match=f"data.articles: {articles}, but data/built holds no article sentences"):
        mini.load(articles=articles)
    assert mini.load(articles="test").part("articles").empty


def test_a_dataset_that_was_not_built_is_said(mini: Mini) -> None:
    with pytest.raises(UserMistake, match=r"dataset\.parquet: missing; run: stance data build"):
        mini.load()


@pytest.mark.parametrize("content", ["garbage", "older"])
def test_a_built_file_that_is_none_of_this_version_is_said(mini: Mini, content: str) -> None:
    mini.build()
    path = mini.project.built / "dataset.parquet"
    if content == "garbage":
        path.write_bytes(b"PAR1 garbage")
    else:
        pq.write_table(pa.table({"id": ["a"], "text": ["b"]}), path)
    with pytest.raises(UserMistake, match="make it anew with: stance data build"):
        mini.load()


def test_the_users_file_joins_training_and_test(mini: Mini) -> None:
    mini.build()
    mini.user_file([{"text": f"My own line {n}.", "label": LABELS[n % 3], "topic": "mine"} for n in range(30)])
    data = mini.load(files=("mine.csv",))
    mine = data.frame[data.frame["origin"] == "user"]
    assert list(mine["id"]) == [f"mine-{n}" for n in range(1, 31)]
    assert set(mine["part"]) == {"train", "validation", "test"}
    assert len(data.frame) == 75
    assert _parts(mini.load()).items() <= _parts(data).items()  # the bundled rows stay where they are


def test_the_users_own_column_source_is_kept_and_else_names_the_file(mini: Mini) -> None:
    mini.build()
    rows = [{"text": f"My own line {n}.", "label": LABELS[n % 3], "source": "radio"} for n in range(3)]
    mini.user_file(rows)
    mini.user_file([{"text": "Yet another line.", "label": "favor"}], "more.csv")
    frame = mini.load(files=("mine.csv", "more.csv")).frame.set_index("id")
    assert list(frame.loc[["mine-1", "more-1"], "source"]) == ["radio", "more.csv"]


def test_the_users_file_alone_can_be_the_dataset(mini: Mini) -> None:
    mini.build(articles=False)
    mini.user_file([{"text": f"My own line {n}.", "label": LABELS[n % 3]} for n in range(30)])
    assert set(mini.load(bundled=False, files=("mine.csv",)).frame["origin"]) == {"user"}


def test_one_targets_rows_are_in_the_parts_that_they_have_among_all(mini: Mini) -> None:
    mini.build()
    aims = ("Ukraine", "a ceasefire")
    rows = [{"text": f"My own line {n}.", "label": LABELS[n % 3], "target": aims[n // 3 % 2]} for n in range(90)]
    mini.user_file(rows)
    every = mini.load(files=("mine.csv",))
    one = mini.load(files=("mine.csv",), targets=("a ceasefire",))
    assert set(one.frame["target"]) == {"a ceasefire"} and len(one.frame) == 45
    assert _parts(one).items() <= _parts(every).items()
    assert one.sha256 != every.sha256


def test_a_target_that_no_statement_has_is_refused_with_those_that_there_are(mini: Mini) -> None:
    mini.build()
    with pytest.raises(
        UserMistake, match=r"no statement is toward 'a truce'; the data has 'support for Ukraine' \(45\)"
    ):
        mini.load(targets=("a truce",))


def test_folds_that_the_user_gives_are_kept(mini: Mini) -> None:
    mini.build()
    mini.user_file([{"text": f"Line {n}", "label": LABELS[n % 3], "fold": n % 5} for n in range(15)])
    parts = _parts(mini.load(files=("mine.csv",)))
    names = ["test", "validation", "train", "train", "train"]
    assert [parts[f"mine-{n + 1}"] for n in range(15)] == [names[n % 5] for n in range(15)]


def test_the_users_rows_get_the_same_folds_each_time(mini: Mini) -> None:
    mini.build()
    mini.user_file([{"text": f"My own line {n}.", "label": LABELS[n % 3]} for n in range(60)])
    one, same = (mini.load(files=("mine.csv",)) for _ in range(2))
    assert _parts(one) == _parts(same)
    assert one.sha256 == same.sha256


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_contrast_groups_of_the_users_share_a_fold_whatever_their_type(mini: Mini, suffix: str) -> None:
    mini.build()
    rows = [{"text": f"My own line {n}.", "label": LABELS[n % 3], "contrast_group": n // 3} for n in range(90)]
    frame = pd.DataFrame(rows)
    path = mini.root / f"mine.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    loaded = mini.load(files=(path.name,)).frame
    mine = loaded[loaded["origin"] == "user"]
    assert mine["group"].nunique() == 30
    assert (mine.groupby("contrast_group")["part"].nunique() == 1).all()


def test_a_dataset_older_than_its_statements_is_refused(mini: Mini) -> None:
    mini.build()
    mini.statements(3, name="z")
    with pytest.raises(UserMistake, match="made from other statements than data/statements holds now"):
        mini.load()


def test_an_id_in_two_sources_is_refused_by_name(mini: Mini) -> None:
    mini.build()
    mini.user_file([{"id": "a0", "text": "Mine.", "label": "favor"}])
    with pytest.raises(UserMistake, match="ids stand in two sources: a0; give the rows other ids"):
        mini.load(files=("mine.csv",))


@pytest.mark.parametrize("fold", [0, 1, 2, 3, 4])
def test_a_users_row_with_the_text_of_a_bundled_row_lands_in_its_part(mini: Mini, fold: int) -> None:
    mini.build()
    frame = mini.built()
    known = frame[(frame["fold"] == fold) & (frame["origin"] == "bundled")].iloc[0]
    mini.user_file([{"id": "copy", "text": f" {known['text'].upper()}", "label": known["label"]}])
    parts = _parts(mini.load(files=("mine.csv",)))
    assert parts["copy"] == parts[known["id"]]


def test_a_users_row_of_an_article_kept_for_the_test_is_kept_with_it(mini: Mini) -> None:
    mini.build()
    rows = [
        {"id": "same-text", "text": SENTENCES["favor"].format("Arden"), "label": "favor", "group": "x"},
        {"id": "same-article", "text": "Another line of that article.", "label": "favor", "group": "001_belmont"},
        {"id": "neighbour", "text": "A line beside the copied one.", "label": "favor", "group": "x"},
    ]
    mini.user_file(rows)
    parts = _parts(mini.load(files=("mine.csv",)))
    assert {parts[row["id"]] for row in rows} == {"articles"}


def test_a_fold_that_splits_a_text_is_refused_by_the_ids(mini: Mini) -> None:
    mini.build()
    frame = mini.built()
    tested = frame[(frame["fold"] == 0) & (frame["origin"] == "bundled")].iloc[0]
    mini.user_file([{"id": "copy", "text": tested["text"], "label": "favor", "fold": 2}])
    with pytest.raises(UserMistake, match=f"{tested['id']} in fold 0, copy in fold 2; put them in one"):
        mini.load(files=("mine.csv",))


def test_a_part_that_lacks_a_stance_is_refused(mini: Mini) -> None:
    mini.build(articles=False)
    mini.user_file([{"text": f"Line {n}", "label": LABELS[n % 2], "fold": n % 5} for n in range(20)])
    with pytest.raises(UserMistake, match=r"the train rows hold no neutral statement \(20 rows in all\)"):
        mini.load(bundled=False, files=("mine.csv",))
    rows = [{"text": f"Line {n}", "label": LABELS[n % 3], "fold": 2} for n in range(20)]
    mini.user_file(rows)
    with pytest.raises(UserMistake, match="the validation rows hold no favor and no against and no neutral"):
        mini.load(bundled=False, files=("mine.csv",))


@pytest.mark.parametrize("column", ["text", "label", "id"])
def test_the_hash_tells_every_change_and_nothing_else(mini: Mini, column: str) -> None:
    mini.build()
    rows = [{"id": f"m{n}", "text": f"Line {n}", "label": "favor", "fold": 2, "note": "x"} for n in range(3)]
    mini.user_file(rows)
    before = mini.load(files=("mine.csv",)).sha256
    mini.user_file([{**row, "note": "y"} for row in reversed(rows)])
    assert mini.load(files=("mine.csv",)).sha256 == before
    mini.user_file([{**rows[0], column: "neutral"}, *rows[1:]])
    assert mini.load(files=("mine.csv",)).sha256 != before
