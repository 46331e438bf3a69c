"""How many rows a second the machine that gives the command can read and commit, when others compute.

    python experiments/cluster/driver.py RUN STATEMENTS.parquet --out DIR [--rounds 3]

Scores the file with workers that answer at once with the same figures: what is left is reading, the parts, their
fsync and hash, and the look at the ids. Ray's own share is not in it (`overhead.py` has that).
"""

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from ukraine_stance import classifier
from ukraine_stance.scoring import ScoreJob, score_file
from ukraine_stance.scoring.shards import TYPES, Scored, Shard, output_schema
from ukraine_stance.scoring.summary import ScoreSummary


def at_once(job: ScoreJob, loaded: classifier.StanceClassifier, shards: Iterator[Shard]) -> Iterator[Scored]:
    dice = np.random.default_rng(0)
    for shard in shards:
        count = len(shard.batch.rows)
        columns = {"input_row": list(shard.batch.rows), "stance": ["neutral"] * count, "truncated": [False] * count}
        columns |= {name: dice.random(count) for name in ("p_favor", "p_against", "p_neutral", "confidence")}
        columns["model_id"] = [loaded.model_id] * count
        added = [pa.array(columns[name], kind) for name, kind in TYPES.items()]
        schema = output_schema(shard.batch.table.schema, job.prefix)
        table = pa.table([*shard.batch.table.columns, *added], schema=schema)
        yield Scored(shard.number, table, [], ScoreSummary(rows=count, scored=count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("statements", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    loaded = classifier.load(arguments.run)
    for _ in range(arguments.rounds):
        out = arguments.out / "driven"
        begun = time.perf_counter()
        summary = score_file(ScoreJob((str(arguments.statements),), out), loaded, at_once)
        seconds = time.perf_counter() - begun
        size = sum(path.stat().st_size for path in out.rglob("*"))
        shutil.rmtree(out)
        print(f"{summary.rows} rows in {seconds:.2f} s: {summary.rows / seconds:,.0f} a second, {size:,} bytes")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
