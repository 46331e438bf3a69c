import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ukraine_stance.calibration import Calibration
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import UserMistake
from ukraine_stance.models.protocol import Prediction
from ukraine_stance.scoring import ScoreJob, ScoreSummary, score_file

ADDED = ["input_row", "stance", "p_favor", "p_against", "p_neutral", "confidence", "truncated", "model_id"]


class ByLength:
    """Longer texts are more in favor; those beyond a hundred characters count as cut off."""

    family = "by-length"

    def predict(self, texts: list[str], targets: list[str]) -> Prediction:
        assert all(text.strip() for text in texts)
        favor = np.array([min(len(text), 100) / 101 for text in texts])
        rest = (1 - favor) / 2
        return Prediction(np.column_stack([favor, rest, rest]).reshape(-1, 3), np.array([len(t) > 100 for t in texts]))


def classifier(model_id: str = "by-length-1", threshold: float = 0.0) -> StanceClassifier:
    return StanceClassifier(ByLength(), Calibration(threshold=threshold), model_id)  # type: ignore[arg-type]


def written(folder: Path, content: str | bytes, name: str = "in.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def scored(source: Path, out: str = "out.csv", **options: object) -> tuple[ScoreSummary, ScoreJob]:
    job = ScoreJob((str(source),), source.parent / out, **options)
    summary = score_file(job, classifier())
    assert summary.rows == summary.scored + summary.rejected
    return summary, job


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def rejects_of(job: ScoreJob) -> list[dict[str, object]]:
    return [json.loads(line) for line in job.rejects.open(encoding="utf-8")]


def refusal(job: ScoreJob, model: StanceClassifier | None = None) -> str:
    before = {path: path.read_bytes() for path in Path(job.sources[0]).parent.iterdir() if path.is_file()}
    with pytest.raises(UserMistake) as caught:
        score_file(job, model or classifier())
    assert {path: path.read_bytes() for path in Path(job.sources[0]).parent.iterdir() if path.is_file()} == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_input_column_is_kept_before_ours_and_rows_are_numbered(tmp_path: Path) -> None:
    content = '\ufeffid,n,text\r\nNA,007,"two\r\nlines, ""quoted"""\r\n,,🚢 שלום\r\n'
    _, job = scored(written(tmp_path, content))
    rows = rows_of(job.out)
    assert list(rows[0]) == ["id", "n", "text", *ADDED]
    kept = [(row["id"], row["n"], row["text"], row["input_row"]) for row in rows]
    assert kept == [("NA", "007", 'two\r\nlines, "quoted"', "1"), ("", "", "🚢 שלום", "2")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([b'"', b",", b"\n", b"a,b", b"\xe9", b"  ", b"x\n", b"\0"]), max_size=30))
def test_rows_in_are_rows_scored_and_rows_rejected_whatever_comes(tmp_path: Path, content: list[bytes]) -> None:
    summary, job = scored(written(tmp_path, b"id,text\n" + b"".join(content)), force=True)
    rows, rejects = rows_of(job.out), rejects_of(job)
    assert (summary.scored, summary.rejected) == (len(rows), len(rejects))
    numbers = [*(int(row["input_row"]) for row in rows), *(reject["row"] for reject in rejects)]
    assert sorted(numbers) == list(range(1, summary.rows + 1))


def test_a_text_of_nothing_but_space_is_rejected_with_its_row(tmp_path: Path) -> None:
    summary, job = scored(written(tmp_path, "id,text\n1,\n2, \t\u00a0\n3,good\n"))
    assert (summary.scored, summary.rejected) == (1, 2)
    assert [(reject["row"], reject["reason"]) for reject in rejects_of(job)] == [
        (1, "text is empty"),
        (2, "text is empty"),
    ]


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet"])
@pytest.mark.parametrize("body", ["", " \n\t\n", "a,b\n\n"])
def test_no_rows_and_rows_all_rejected_make_an_empty_output(tmp_path: Path, body: str, out: str) -> None:
    summary, job = scored(written(tmp_path, "text\n" + body), out)
    assert summary.scored == 0
    assert summary.rejected == len(rejects_of(job)) == len(body.strip("\n").splitlines())
    assert job.out.exists()


def test_reasons_are_counted_without_what_is_of_one_row(tmp_path: Path) -> None:
    content = "".join(f'{{"text": {value}}}\n' for value in ("1", '["a) b"]', '"ok"')) + '{"text": "cut'
    summary, _ = scored(written(tmp_path, content, "in.jsonl"))
    assert summary.reasons == {"text is not a string": 2, "not JSON": 1}
    summary, _ = scored(written(tmp_path, b"text\ncaf\xe9\nfa\xdfade\n"), "two.csv")
    assert "rejected: 2 rows: not utf-8; if the file has another encoding, add --encoding NAME" in summary.lines()


def test_missing_and_repeated_ids_are_scored_and_counted(tmp_path: Path) -> None:
    summary, _ = scored(written(tmp_path, "id,text\n0,a\n,b\n0,c\n0,d\n"))
    assert (summary.scored, summary.ids_missing, summary.ids_repeated) == (4, 1, 2)
    assert "ids: 1 missing, 2 repeated; input_row tells the rows apart" in summary.lines()


def test_an_id_of_the_number_zero_is_an_id(tmp_path: Path) -> None:
    content = '{"id": 0, "text": "a"}\n{"id": 0, "text": "b"}\n{"text": "c"}\n'
    summary, _ = scored(written(tmp_path, content, "in.jsonl"))
    assert (summary.ids_missing, summary.ids_repeated) == (1, 1)


def test_abstentions_and_cut_off_texts_are_counted_and_kept(tmp_path: Path) -> None:
    job = ScoreJob((str(written(tmp_path, f"text\n{'x' * 30}\n{'y' * 200}\n")),), tmp_path / "out.csv")
    summary = score_file(job, classifier(threshold=0.5))
    assert (summary.abstained, summary.truncated, summary.stances) == (1, 1, {"favor": 1})
    assert [(row["stance"], row["truncated"]) for row in rows_of(job.out)] == [("", "False"), ("favor", "True")]


def test_an_output_converts_from_format_to_format_without_loss(tmp_path: Path) -> None:
    _, first = scored(written(tmp_path, 'id,text\nNA,"a\rb"\n007,🚢\n'))
    source = first.out
    for number, suffix in enumerate(["jsonl", "parquet", "csv"]):
        _, job = scored(source, f"{number}.{suffix}", prefix=f"new{number}_")
        source = job.out
    again = [{name: value for name, value in row.items() if not name.startswith("new")} for row in rows_of(source)]
    assert again == rows_of(first.out)


def test_given_again_it_says_so_and_changes_nothing(tmp_path: Path) -> None:
    summary, job = scored(written(tmp_path, "id,text\n1,a\n1,\n"))
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    again = score_file(job, classifier())
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before
    assert again.lines() == ["scored already from this input by this model; nothing to do", *summary.lines()]


def test_an_output_of_something_else_is_refused_and_named_until_forced(tmp_path: Path) -> None:
    source = written(tmp_path, "text,words\na,b\n")
    _, job = scored(source)
    assert "was made from another model (by-length-1 there, by-length-2 now); give" in refusal(
        job, classifier("by-length-2")
    )
    assert "from another --text-column (text there, words now); give" in refusal(
        ScoreJob((str(source),), job.out, text_column="words")
    )
    assert "from another --delimiter (none there, , now) and another --shard-rows (8192 there, 5 now); give" in refusal(
        ScoreJob((str(source),), job.out, delimiter=",", shard_rows=5)
    )
    written(tmp_path, "text,words\nc,d\n")
    assert "another input (" in refusal(job)
    assert " now) and another input (" in refusal(job, classifier("by-length-2"))
    scored(source, force=True)
    assert [row["text"] for row in rows_of(job.out)] == ["c"]
    job.out.write_text("mine")
    assert "was changed after it was scored" in refusal(job)


@pytest.mark.parametrize("manifest", [None, "", "[]", "{}", '{"input_sha256": 1}'])
def test_an_output_that_is_not_ours_is_refused(tmp_path: Path, manifest: str | None) -> None:
    job = ScoreJob((str(written(tmp_path, "text\na\n")),), written(tmp_path, "mine", "out.csv"))
    if manifest is not None:
        job.manifest.write_text(manifest)
    assert refusal(job).endswith("exists and is no finished output of this command; --force replaces it")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,Text\n1,a\n", "no column 'text' (columns: id, Text); name the one to score with --text-column"),
        ("text,stance,p_favor\na,b,c\n", "has the output columns stance, p_favor already; give --prefix"),
        ("text,input_row\na,1\n", "has the output columns input_row already"),
        (",".join(f"c{at}" for at in range(10_000)) + "\n", "c19 and 9980 more)"),
    ],
)
def test_an_input_without_the_text_or_with_a_column_of_ours_is_refused(
    tmp_path: Path, content: str, message: str
) -> None:
    assert message in refusal(ScoreJob((str(written(tmp_path, content)),), tmp_path / "out.csv"))


def test_a_prefix_makes_room_for_an_output_scored_again(tmp_path: Path) -> None:
    _, first = scored(written(tmp_path, "text\na\n"))
    _, second = scored(first.out, "second.csv", prefix="new_")
    assert list(rows_of(second.out)[0]) == ["text", *ADDED, *(f"new_{name}" for name in ADDED)]


def test_an_output_that_is_the_input_or_a_folder_or_no_format_is_refused(tmp_path: Path) -> None:
    source = written(tmp_path, "text\na\n")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").hardlink_to(source)
    assert "is the input itself" in refusal(ScoreJob((str(source),), source, force=True))
    assert "is the input itself" in refusal(ScoreJob((str(source),), tmp_path / "link.csv", force=True))
    assert "is a folder; give a file" in refusal(ScoreJob((str(source),), tmp_path / "folder.csv", force=True))
    assert "end the output in one of .csv" in refusal(ScoreJob((str(source),), tmp_path / "out.xlsx"))
    rejects = written(tmp_path, '{"text": "a"}\n', "new.csv.rejects.jsonl")
    assert "is the input itself" in refusal(ScoreJob((str(rejects),), tmp_path / "new.csv"))


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    source = written(tmp_path, "text\na\n")
    assert "cannot be written" in refusal(ScoreJob((str(source),), source / "out.csv"))
    assert "cannot be written" in refusal(ScoreJob((str(source),), tmp_path / f"{'x' * 300}.csv"))
    assert "/proc/out.csv: cannot be written" in refusal(ScoreJob((str(source),), Path("/proc/out.csv")))


def test_the_output_appears_after_its_manifest_so_that_a_killed_run_never_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ScoreJob((str(written(tmp_path, "text\na\n")),), tmp_path / "out.csv")
    renamed = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, to: (renamed.append(to), replace(path, to))[1])
    score_file(job, classifier())
    assert [path.name for path in renamed[-4:]] == ["_SUCCESS", job.rejects.name, job.manifest.name, job.out.name]


def test_parquet_columns_of_any_type_pass_through(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["a", " ", "b", None]).dictionary_encode(),
            "view": pa.array(["x", "y", "z", None], pa.string_view()),
            "tags": [["x"], [], None, ["y"]],
            "at": pa.array([1, 2, 10**15, None], pa.timestamp("ms")),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    summary, job = scored(tmp_path / "in.parquet", "out.parquet")
    assert (summary.scored, summary.rejected) == (2, 2)
    kept = pq.read_table(job.out)
    assert kept["tags"].to_pylist() == [["x"], None]
    assert kept["view"].to_pylist() == ["x", "z"]
    assert kept["input_row"].to_pylist() == [1, 3]
    assert kept.schema.field("at").type == pa.timestamp("ms")
    for suffix in ("csv", "jsonl"):
        assert scored(tmp_path / "in.parquet", f"out.{suffix}")[0].scored == 2


def test_every_row_bears_the_scores_of_its_own_text(tmp_path: Path) -> None:
    texts = ["ccc", "a", " ", "bb", "a", "dddd", "ccc", "", "a"]
    _, job = scored(written(tmp_path, "text\n" + "".join(f'"{text}"\n' for text in texts)))
    for row in rows_of(job.out):
        assert texts[int(row["input_row"]) - 1] == row["text"]
        assert float(row["p_favor"]) == pytest.approx(len(row["text"]) / 101)


class ByTarget:
    """In favor of the first target, against any other."""

    family = "by-target"

    def predict(self, texts: list[str], targets: list[str]) -> Prediction:
        rows = [[0.8, 0.1, 0.1] if target == "one side" else [0.1, 0.8, 0.1] for target in targets]
        return Prediction(np.array(rows).reshape(-1, 3), np.zeros(len(texts), dtype=np.bool_))


def two_sided(*targets: str) -> StanceClassifier:
    return StanceClassifier(ByTarget(), Calibration(), "by-target-1", targets)  # type: ignore[arg-type]


def test_a_column_target_says_what_each_row_is_asked_about(tmp_path: Path) -> None:
    source = written(tmp_path, "text,target\na,one side\nb,the other side\nc, \n")
    job = ScoreJob((str(source),), tmp_path / "out.csv")
    summary = score_file(job, two_sided("one side", "the other side"))
    assert [row["stance"] for row in rows_of(job.out)] == ["favor", "against"]
    assert [(reject["row"], reject["reason"]) for reject in rejects_of(job)] == [(3, "target is empty")]
    assert (summary.rows, summary.scored, summary.rejected) == (3, 2, 1)


def test_rows_without_a_target_are_asked_about_the_only_one(tmp_path: Path) -> None:
    for name, content in (("with.csv", "text,target\na,\nb,the other side\n"), ("without.csv", "text\na\n")):
        job = ScoreJob((str(written(tmp_path, content, name)),), tmp_path / f"out-{name}")
        assert score_file(job, two_sided("one side")).rejected == 0
        assert rows_of(job.out)[0]["stance"] == "favor"


def test_a_model_of_several_targets_refuses_a_file_that_names_none(tmp_path: Path) -> None:
    job = ScoreJob((str(written(tmp_path, "text\na\n")),), tmp_path / "out.csv")
    said = refusal(job, two_sided("one side", "the other side"))
    learned = "the model learned 2 targets (one side, the other side)"
    assert said.startswith(f"{job.sources[0]}: no column 'target'; {learned}")


def test_targets_that_are_no_strings_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "target": pa.array([7, None])}), path)
    summary = score_file(ScoreJob((str(path),), tmp_path / "out.csv"), two_sided("7", "8"))
    assert (summary.scored, dict(summary.reasons)) == (1, {"target is empty": 1})


def test_the_same_text_is_answered_anew_for_each_target(tmp_path: Path) -> None:
    source = written(tmp_path, "text,target\na,one side\na,the other side\na,one side\nb,one side\n")
    job = ScoreJob((str(source),), tmp_path / "out.csv")
    summary = score_file(job, two_sided("one side", "the other side"))
    assert [row["stance"] for row in rows_of(job.out)] == ["favor", "against", "favor", "favor"]
    assert summary.repeated_texts == 1
