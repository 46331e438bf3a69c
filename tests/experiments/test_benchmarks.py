"""The public benchmarks' readers and tables, on small files of our own in the form of theirs."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from experiments.benchmarks import running
from experiments.benchmarks.reading import as_labelled, verified, without_repeats
from experiments.benchmarks.report import Scored, report
from experiments.benchmarks.running import Benchmark, combined, prepared
from experiments.gwsd import reader as gwsd
from experiments.ruw import reader as ruw
from experiments.semeval2016 import reader as semeval2016

from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.corpus.labelled import read_labelled
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_file, sha256_json, write_json


def _rows(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["text", "target", "label", "part"])


def test_a_text_of_the_test_is_never_learned_and_the_test_stays_whole() -> None:
    rows = _rows(
        ("Send Tanks", "a", "favor", "train"),
        ("send  tanks", "a", "favor", "test"),
        ("send tanks", "a", "favor", "test"),
        ("no money", "a", "against", "train"),
        ("No money", "b", "against", "validation"),
        ("a report", "a", "neutral", "train"),
        ("a report", "a", "favor", "train"),
        ("a report", "b", "favor", "train"),
    )
    kept = without_repeats(rows)
    assert [(row.text, row.target, row.part) for row in kept.itertuples()] == [
        ("send  tanks", "a", "test"),
        ("send tanks", "a", "test"),
        ("No money", "b", "validation"),
        ("a report", "a", "train"),
        ("a report", "b", "train"),
    ]


def test_a_training_of_another_config_or_other_data_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    data = tmp_path / "data.csv"
    data.write_text("text,label\na,favor\n")
    gold = np.array([0, 1, 2] * 20)
    for seed, settings in ((0, "gwsd"), (1, "ruw")):
        folder = tmp_path / f"minilm-{seed}"
        folder.mkdir()
        answers = _scored(gold, 0.7, seed)
        columns = dict(zip(PROBABILITY_COLUMNS, answers.probabilities.T, strict=True))
        answers.answers.assign(**columns).to_parquet(folder / "answers.parquet")
        identity = running._identity(running._config(settings, "minilm", seed, data), data)
        write_json(folder / "done.json", {"identity": identity, "seconds": 1})
    assert [len(found) for found in running.scored("gwsd", tmp_path, [0, 1, 2]).values()] == [1]
    assert "minilm-1: of another config, data or library version; left out" in capsys.readouterr().err
    data.write_text("text,label\na,against\n")
    assert running.scored("gwsd", tmp_path, [0, 1]) == {}


def test_files_are_held_to_their_hash(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    right = sha256_json([["a.txt", sha256_file(tmp_path / "a.txt")]])
    verified(tmp_path, ["a.txt"], right, "the project x/y at commit 1")
    with pytest.raises(UserMistake, match="its files are not those of the project x/y at commit 1"):
        verified(tmp_path, ["a.txt"], "0" * 64, "the project x/y at commit 1")
    with pytest.raises(UserMistake, match=r"b\.txt: missing"):
        verified(tmp_path, ["a.txt", "b.txt"], right, "the project x/y at commit 1")


def test_semeval_lines_are_ended_by_line_feeds_alone(tmp_path: Path) -> None:
    for name in semeval2016.FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("2\n1\n0\n" if "labels" in name else "one\u2028still one \ntwo\nthree\n", encoding="utf-8")
    rows = semeval2016.read(tmp_path)
    assert len(rows) == 5 * 3 * 3
    assert list(rows["label"][:3]) == ["favor", "against", "neutral"]
    assert rows["text"][0] == "one\u2028still one"
    assert set(rows["part"]) == {"train", "validation", "test"}
    assert rows["target"].nunique() == 5


def test_ruw_is_read_in_its_encoding_toward_the_target_asked_for(tmp_path: Path) -> None:
    head = "Tweet,Target 1,Stance 1,Target 2,Stance 2,Test/Train/Dev\n"
    for name in ruw.FILES:
        (tmp_path / name).write_bytes(f"{head}“Café”,Russia,AGAINST,Ukraine,NONE,x\n".encode("gb18030"))
    rows = ruw.read(tmp_path)
    assert list(rows["text"]) == ["“Café”"] * 3
    assert set(rows["label"]) == {"neutral"}
    assert set(rows["target"]) == {"Ukraine"}
    assert set(ruw.read(tmp_path, "Russia")["label"]) == {"against"}


def test_gwsd_labels_are_the_most_probable_and_the_held_out_are_the_test(tmp_path: Path) -> None:
    scores, held_out = (tmp_path / name for name in gwsd.FILES)
    scores.parent.mkdir(parents=True)
    table = pd.DataFrame({"round": 1, "batch": 0, "sent_id": [f"t{n}" for n in range(12)]})
    table = table.assign(disagree=0.1, neutral=0.2, agree=0.7, sentence=[f"sentence {n}" for n in range(12)])
    table.loc[3, ["disagree", "agree"]] = 0.7, 0.1
    table.to_csv(scores, sep="\t")
    pd.DataFrame({"guid": ["1_0_t3", "1_0_t10"]}).to_csv(held_out, sep="\t", index=False)
    rows = gwsd.read(tmp_path)
    assert rows["label"][3] == "against"
    assert rows["label"][0] == "favor"
    assert list(rows.index[rows["part"] == "test"]) == [3, 10]
    assert list(rows.index[rows["part"] == "validation"]) == [0]


def _benchmark(folder: Path, rows: pd.DataFrame) -> Benchmark:
    (folder / "a.txt").write_text("a")
    sha256 = sha256_json([["a.txt", sha256_file(folder / "a.txt")]])
    bars = {"tfidf": 0.5, "minilm": 0.99}
    return Benchmark("toy", "x/y", ("a.txt",), sha256, lambda _: rows, "favor_against_f1", (("BERT", 0.5, "z"),), bars)


def test_what_is_prepared_reads_as_a_labelled_file_with_the_official_split(tmp_path: Path) -> None:
    rows = _rows(("a", "t", "favor", "train"), ("b", "t", "against", "validation"), ("c", "u", "neutral", "test"))
    path = prepared(_benchmark(tmp_path, rows), tmp_path, tmp_path / "out")
    read = read_labelled(path)
    assert list(read["fold"]) == [2, 1, 0]
    assert list(read["target"]) == ["t", "t", "u"]
    assert list(read["label"]) == ["favor", "against", "neutral"]


def _scored(gold: np.ndarray, right: float, seed: int) -> Scored:
    """Answers of which about so many are right; half of the rows are validation."""
    rng = np.random.default_rng(seed)
    columns = np.where(rng.random(len(gold)) < right, gold, rng.integers(0, 3, len(gold)))
    probabilities = np.where(np.eye(3)[columns] == 1, 0.8, 0.1)
    labels = np.array(["favor", "against", "neutral"], dtype=object)[gold]
    answers = as_labelled(
        pd.DataFrame(
            {"text": "", "label": labels, "target": "t", "part": np.tile(["validation", "test"], len(gold) // 2)}
        )
    )
    answers = answers.assign(part=np.tile(["validation", "test"], len(gold) // 2), group=answers["id"])
    return Scored(answers.assign(**dict(zip(PROBABILITY_COLUMNS, probabilities.T, strict=True))), probabilities, 1.0)


def test_the_table_tells_bars_met_and_missed_and_differences(tmp_path: Path) -> None:
    gold = np.random.default_rng(0).integers(0, 3, 600)
    families = {"tfidf": [_scored(gold, 0.6, 1)], "minilm": [_scored(gold, 0.7, seed) for seed in (2, 3, 4)]}
    said = report(_benchmark(tmp_path, _rows()), families)
    assert "| BERT (z) | | 0.500 |" in said
    assert "0.50 met" in said
    assert "0.99 missed" in said
    assert "- minilm minus tfidf: 0." in said


def test_ensembles_are_as_many_as_seeds_and_beat_independent_members() -> None:
    gold = np.random.default_rng(0).integers(0, 3, 600)
    families = {"tfidf": [_scored(gold, 0.6, 1)], "minilm": [_scored(gold, 0.6, seed) for seed in (2, 3, 4)]}
    assert [len(combined(families, number)) for number in (1, 2, 3, 4)] == [3, 3, 1, 0]
    assert combined({"minilm": families["minilm"]}, 1) == []
    for ensemble in combined(families, 1):
        assert np.allclose(ensemble.probabilities.sum(axis=1), 1)
    right = [
        float((one.columns("test") == one.gold("test")).mean()) for one in (*combined(families, 3), *families["minilm"])
    ]
    assert right[0] > max(right[1:])
