"""How fast `stance score` is with TF-IDF from Parquet to Parquet, beside a loop of scikit-learn's predict_proba.

    python experiments/scoring_speed/tfidf_speed.py RUN --out DIR [--statements 50000] [--rounds 5]

RUN is a finished run of the `tfidf` family. Both ways run in a process of their own, in turn, round after round, which
of them first changing. The loop is what one writes without this program: read batches of 8,192 rows, `predict_proba`,
write them; the run's temperature is applied to its probabilities after the clock has stopped. The statements are ours
and cross-overs of two of ours. The table has the median of the rounds with the smallest and largest; `stance score`
also hashes its input and syncs what it wrote, all of which counts.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance import classifier
from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.corpus.dataset import read_built
from ukraine_stance.project import Project
from ukraine_stance.scoring import ScoreJob, score_file
from ukraine_stance.scoring.engines.admission import crossed

LOOP, OURS = "scikit-learn loop", "stance score"
FILES = {LOOP: "loop.parquet", OURS: "scored.parquet"}


def main() -> None:
    arguments = parse()
    if arguments.way:
        print(json.dumps(one(arguments)))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    statements = read_built(Project(Path())).query("origin == 'bundled'")["text"]
    texts = list(crossed(tuple(statements), arguments.statements))
    np.random.default_rng(0).shuffle(texts)
    pq.write_table(pa.table({"text": texts[: arguments.statements]}), arguments.out / "statements.parquet")
    rows = []
    for number in range(arguments.rounds):
        for way in (LOOP, OURS) if number % 2 == 0 else (OURS, LOOP):
            rows.append({"round": number, "way": way, **apart(arguments, way)})
            print(rows[-1], file=sys.stderr, flush=True)
    (arguments.out / "tfidf_rounds.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    print(table(rows))
    print(f"largest difference of a probability: {difference(arguments):.1e}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--statements", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    return parser.parse_args()


def apart(arguments: argparse.Namespace, way: str) -> dict[str, float]:
    command = [sys.executable, __file__, str(arguments.run), "--out", str(arguments.out), "--way", way]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {**json.loads(done.stdout.splitlines()[-1]), "seconds_with_loading": time.perf_counter() - began}


def one(arguments: argparse.Namespace) -> dict[str, float]:
    source, out = arguments.out / "statements.parquet", arguments.out / FILES[arguments.way]
    score = loop(arguments.run) if arguments.way == LOOP else ours(arguments.run)
    began, busy = time.perf_counter(), time.process_time()
    score(source, out)
    spent = {"seconds": time.perf_counter() - began, "core_seconds": time.process_time() - busy}
    return {**spent, "statements": pq.read_metadata(out).num_rows}


def loop(run):  # noqa: ANN001, ANN201
    import skops.io

    pipeline = skops.io.load(run / "model" / "model.skops", trusted=[])

    def score(source: Path, out: Path) -> None:
        file, writer = pq.ParquetFile(source), None
        for batch in file.iter_batches(batch_size=8192):
            found = pipeline.predict_proba(batch.column("text").to_pylist())
            given = pa.Table.from_batches([batch])
            for column, name in enumerate(PROBABILITY_COLUMNS):
                given = given.append_column(name, pa.array(found[:, column]))
            writer = writer or pq.ParquetWriter(out, given.schema)
            writer.write_table(given)
        writer.close()

    return score


def ours(run):  # noqa: ANN001, ANN201
    loaded = classifier.load(run)
    return lambda source, out: score_file(ScoreJob((str(source),), out, force=True), loaded)


def difference(arguments: argparse.Namespace) -> float:
    columns = list(PROBABILITY_COLUMNS)
    found = {way: pd.read_parquet(arguments.out / name, columns=columns) for way, name in FILES.items()}
    expected = classifier.load(arguments.run).calibration.apply(found[LOOP].to_numpy())
    return float(np.abs(found[OURS].to_numpy() - expected).max())


def table(rows: list[dict[str, float]]) -> str:
    found = pd.DataFrame(rows)
    base = found[found["way"] == LOOP].set_index("round")
    lines = ["| way | statements/s (least, most) | core-s per 100,000 | times the loop (least, most) | with loading |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for way, runs in found.groupby("way", sort=True):
        runs = runs.set_index("round")
        rate = runs["statements"] / runs["seconds"]
        times = base["seconds"] / runs["seconds"]
        loading = (base["seconds_with_loading"] / runs["seconds_with_loading"]).median()
        cores = 100_000 * (runs["core_seconds"] / runs["statements"]).median()
        lines.append(
            f"| {way} | {rate.median():.0f} ({rate.min():.0f}, {rate.max():.0f}) | {cores:.1f} "
            f"| {times.median():.2f} ({times.min():.2f}, {times.max():.2f}) | {loading:.2f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
