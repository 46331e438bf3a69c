import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from ukraine_stance.calibration import Calibration
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import StanceError, UserMistake
from ukraine_stance.files import sole_writer
from ukraine_stance.models.protocol import Prediction
from ukraine_stance.scoring import ScoreJob, ScoreSummary, score_file


class Counting:
    """Answers neutral to all, and stops as if killed when it is asked about `stop`."""

    family = "counting"

    def __init__(self, stop: str | None = None) -> None:
        self.stop = stop
        self.asked: list[str] = []

    def predict(self, texts: list[str], targets: list[str]) -> Prediction:
        if self.stop in texts:
            raise KeyboardInterrupt
        self.asked += texts
        return Prediction(np.tile([0.1, 0.2, 0.7], (len(texts), 1)), np.zeros(len(texts), bool))


def classifier(stop: str | None = None, model_id: str = "counting-1") -> StanceClassifier:
    return StanceClassifier(Counting(stop), Calibration(), model_id)  # type: ignore[arg-type]


def new_job(folder: Path, out: str = "out.csv", rows: int = 20, **more: object) -> ScoreJob:
    source = folder / "in.csv"
    source.write_text("id,text\n" + "".join(f"{at},{'' if at % 7 == 6 else f'text {at}'}\n" for at in range(rows)))
    return ScoreJob((str(source),), folder / out, shard_rows=4, **more)


def stopped(job: ScoreJob, at: str = "text 14") -> None:
    with pytest.raises(KeyboardInterrupt):
        score_file(job, classifier(at))


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(job: ScoreJob, model: StanceClassifier | None = None) -> str:
    before = written(job.out.parent)
    with pytest.raises(UserMistake) as caught:
        score_file(job, model or classifier())
    assert written(job.out.parent) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet", "out.tsv.gz", "out.jsonl.zst", "out"])
def test_a_stopped_job_scores_no_shard_twice_and_ends_in_the_same_bytes(tmp_path: Path, out: str) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    score_file(new_job(tmp_path / "a", out), classifier())
    job = new_job(tmp_path / "b", out)
    stopped(job)
    model = classifier()
    summary = score_file(job, model)
    assert (summary.rows_kept, summary.rows) == (12, 20)
    assert model.model.asked == [f"text {at}" for at in range(12, 20) if at % 7 != 6]  # type: ignore[attr-defined]
    assert written(tmp_path / "b") == written(tmp_path / "a")


def test_a_stopped_job_leaves_no_output_but_parts(tmp_path: Path) -> None:
    job = new_job(tmp_path)
    stopped(job)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv.parts"]
    stopped(job, "text 14")
    stopped(new_job(tmp_path, "other.csv"), "text 0")
    assert not (tmp_path / "other.csv.parts").exists()


def test_parts_of_another_input_or_model_are_refused_and_both_are_named(tmp_path: Path) -> None:
    job = new_job(tmp_path)
    stopped(job)
    model = classifier(model_id="counting-2")
    assert "was made from another model (counting-1 there, counting-2 now); give another --out" in refusal(job, model)
    Path(job.sources[0]).write_text("id,text\n1,another\n")
    assert "was made from another input (" in refusal(job)
    summary = score_file(new_job(tmp_path, force=True), model)
    assert (summary.rows, summary.rows_kept) == (20, 0)


@pytest.mark.parametrize("at", [4, 400, -1])
@pytest.mark.parametrize("where", ["part-000001-*.parquet", "_rejects/part-000002-*.jsonl"])
def test_a_part_with_a_flipped_bit_is_named_and_its_rows_are_scored_anew_without_it(
    tmp_path: Path, where: str, at: int
) -> None:
    job = new_job(tmp_path)
    stopped(job)
    (part,) = job.parts.glob(where)
    content = bytearray(part.read_bytes())
    content[at % len(content)] ^= 1
    part.write_bytes(content)
    said = refusal(job)
    assert said.startswith(f"{part}: is damaged (its bytes are not those that were written); remove part-00000")
    name = said.partition("remove ")[2].split()[0]
    (job.parts / name).unlink()
    summary = score_file(job, classifier())
    assert (summary.rows, summary.rows_kept) == (20, 8)


def test_a_part_that_is_gone_is_scored_anew(tmp_path: Path) -> None:
    job = new_job(tmp_path)
    stopped(job)
    next(job.parts.glob("part-000002-*")).unlink()
    model = classifier()
    assert score_file(job, model).rows_kept == 8
    assert "text 4" in model.model.asked  # type: ignore[attr-defined]
    assert "text 0" not in model.model.asked  # type: ignore[attr-defined]


def test_an_input_that_changes_while_it_is_scored_is_refused(tmp_path: Path) -> None:
    job = new_job(tmp_path)

    class Meddling(Counting):
        def predict(self, texts: list[str], targets: list[str]) -> Prediction:
            with Path(job.sources[0]).open("a") as stream:
                stream.write("99,more\n")
            return super().predict(texts, targets)

    model = StanceClassifier(Meddling(), Calibration(), "meddling-1")  # type: ignore[arg-type]
    with pytest.raises(UserMistake, match=r"in.csv: was changed while it was scored"):
        score_file(job, model)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_second_worker_is_refused(tmp_path: Path) -> None:
    job = new_job(tmp_path)
    with sole_writer(job.parts):
        with pytest.raises(UserMistake, match="another process is writing it"):
            score_file(job, classifier())
        assert not job.out.exists()


def test_a_disk_that_fills_at_any_moment_is_told_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    score_file(new_job(tmp_path / "a"), classifier())
    sync, moments = os.fsync, 0

    def run_out(descriptor: int) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", run_out)
    while True:
        moments += 1
        left = moments
        folder = tmp_path / f"b{moments}"
        folder.mkdir()
        job = new_job(folder)
        try:
            score_file(job, classifier())
        except UserMistake as fault:
            assert str(fault).startswith(f"{job.out}: cannot be written (No space left on device); make room there")
            assert not list(folder.rglob("*.tmp"))
            score_file(job, classifier())
            assert written(folder) == written(tmp_path / "a")
            continue
        break
    assert moments > 20


def test_a_folder_of_parts_is_a_parquet_dataset_with_its_counts(tmp_path: Path) -> None:
    job = new_job(tmp_path, "parts")
    score_file(job, classifier())
    table = ds.dataset(job.out).to_table()
    assert table["input_row"].to_pylist() == [at + 1 for at in range(20) if at % 7 != 6]
    record = json.loads((job.out / "_SUCCESS").read_text())
    assert (record["counts"]["rows"], len(record["parts"]), len(record["rejects"])) == (20, 5, 2)
    assert score_file(job, classifier("text 0")).already_done


def test_a_finished_folder_that_was_changed_is_refused(tmp_path: Path) -> None:
    job = new_job(tmp_path, "parts")
    score_file(job, classifier())
    next(job.out.glob("part-000003-*")).unlink()
    assert "was changed after it was finished" in refusal(job)


def test_a_folder_of_other_files_is_refused_even_when_forced(tmp_path: Path) -> None:
    job = new_job(tmp_path, "parts", force=True)
    job.out.mkdir()
    (job.out / "thesis.txt").write_text("mine")
    assert "holds other files (thesis.txt)" in refusal(job)


def test_a_folder_with_an_ending_is_asked_for_by_name(tmp_path: Path) -> None:
    job = new_job(tmp_path, "parts.v2", as_folder=True)
    score_file(job, classifier())
    assert (job.out / "_SUCCESS").exists()
    assert "is a folder; give a file, or end it in /" in refusal(new_job(tmp_path, "parts.v2"))


def test_parts_that_do_not_fit_the_input_are_a_fault_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = new_job(tmp_path)
    stopped(job)
    other = ScoreJob(job.sources, job.out, shard_rows=5)
    monkeypatch.setattr(ScoreJob, "fingerprint", lambda *_: json.loads(footer(job))["fingerprint"])
    with pytest.raises(StanceError, match="holds 4 rows where 5 are read now"):
        score_file(other, classifier())


def footer(job: ScoreJob) -> bytes:
    return pq.read_schema(next(job.parts.glob("part-*"))).metadata[b"ukraine_stance_part"]


def test_a_text_that_stands_twice_in_a_shard_is_asked_once_and_counted(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("text\n" + "a\nb\na\na\na\nc\n")
    model = classifier()
    summary = score_file(ScoreJob((str(source),), tmp_path / "out.csv", shard_rows=4), model)
    assert model.model.asked == ["a", "b", "a", "c"]  # type: ignore[attr-defined]
    assert (summary.scored, summary.repeated_texts) == (6, 2)
    assert ScoreSummary.from_counts(summary.counts()).lines() == summary.lines()


def test_rejects_whose_part_was_never_committed_are_left_out(tmp_path: Path) -> None:
    job = new_job(tmp_path, "parts")
    stopped(job)
    (job.out / "_rejects" / "part-000004-0123456789abcdef.jsonl").write_text("{}\n")
    score_file(job, classifier())
    record = json.loads((job.out / "_SUCCESS").read_text())
    assert sorted(path.name for path in (job.out / "_rejects").iterdir()) == record["rejects"]


class Failing(Counting):
    """Fails on texts that end in one of the digits given."""

    def __init__(self, digits: str) -> None:
        super().__init__()
        self.digits = digits

    def predict(self, texts: list[str], targets: list[str]) -> Prediction:
        if any(text[-1] in self.digits for text in texts):
            raise IndexError("index out of range in self")
        return super().predict(texts, targets)


def test_a_text_that_the_model_fails_on_costs_no_other_row(tmp_path: Path) -> None:
    model = StanceClassifier(Failing("3"), Calibration(), "failing-1")  # type: ignore[arg-type]
    summary = score_file(new_job(tmp_path, rows=24), model)
    assert summary.reasons == {"text is empty": 3, "the model fails on it": 2}  # 13 is empty
    assert summary.rows == 24 == summary.scored + summary.rejected
    rejects = [json.loads(line) for line in (tmp_path / "out.csv.rejects.jsonl").read_text().splitlines()]
    assert [one["row"] for one in rejects] == [4, 7, 14, 21, 24]
    scored = ds.dataset(tmp_path / "out.csv", format="csv").to_table()
    assert scored.num_rows == 19 and "text 3" not in scored["text"].to_pylist()


def test_a_model_that_fails_on_everything_is_no_fault_of_the_texts(tmp_path: Path) -> None:
    model = StanceClassifier(Failing("0123456789"), Calibration(), "failing-1")  # type: ignore[arg-type]
    job = new_job(tmp_path, rows=40)
    with pytest.raises(IndexError, match="out of range"):
        score_file(replace(job, shard_rows=40), model)
    assert not job.out.exists() and not job.parts.exists()
