"""What scoring costs as work grows: rows a second and peak memory of `stance score`, Parquet to Parquet.

    python experiments/scoring_speed/growth.py RUN --out DIR [--rows 10000 100000] [--rounds 3] [--engine auto]
    python experiments/scoring_speed/growth.py --draw DIR [DIR ...] --figure FILE.svg

RUN is a finished run of any family. Each round scores every size once, each in a process of its own: the clock runs
from the loaded model to the whole output file, so it includes hashing the input and writing the output; memory is the
most that the process held, with model and libraries. The statements are cross-overs of two of ours; some repeat. Lines
are appended to DIR/growth.jsonl, and what stands there is not measured again. The table has the median of the rounds
with the smallest and largest.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance import classifier
from ukraine_stance.corpus.dataset import read_built
from ukraine_stance.project import Project
from ukraine_stance.scoring import ScoreJob, engines, score_file

AT_ONCE = 100_000
COLORS = ("#1b6ca8", "#c8553d", "#5a8f3c")


def main() -> None:
    arguments = parse()
    if arguments.draw:
        draw({folder.name: read(folder) for folder in arguments.draw}, arguments.figure)
        return
    if arguments.cell:
        print(json.dumps(cell(arguments.run, arguments.cell, arguments.engine)))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    results = arguments.out / "growth.jsonl"
    done = {(one["round"], one["rows"]) for one in read(arguments.out).to_dict("records")}
    for number in range(arguments.rounds):
        for rows in arguments.rows:
            if (number, rows) in done:
                continue
            found = {"round": number, **apart(arguments, statements_of(arguments.out, rows))}
            print(found, file=sys.stderr, flush=True)
            with results.open("a", encoding="utf-8") as stream:
                stream.write(f"{json.dumps(found)}\n")
    print(table(read(arguments.out)))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--draw", type=Path, nargs="+")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--cell", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def read(folder: Path) -> pd.DataFrame:
    results = folder / "growth.jsonl"
    return pd.read_json(results, lines=True) if results.exists() else pd.DataFrame()


def statements_of(out: Path, rows: int) -> Path:
    """The first `rows` of one endless list of statements, the same for every size."""
    path = out / f"statements-{rows}.parquet"
    if not path.exists():
        texts = cross_overs(read_built(Project(Path())).query("origin == 'bundled'")["text"])
        half = path.with_suffix(".half")
        with pq.ParquetWriter(half, pa.schema([("text", pa.string())])) as writer:
            for begin in range(0, rows, AT_ONCE):
                writer.write_table(pa.table({"text": list(islice(texts, min(AT_ONCE, rows - begin)))}))
        half.rename(path)
    return path


def cross_overs(statements: pd.Series) -> Iterator[str]:
    """The beginning of one statement and the end of another, cut at a word at the same share, so lengths stay ours."""
    words = [text.split() for text in statements]
    drawn = random.Random(0)
    while True:
        first, second, share = drawn.choice(words), drawn.choice(words), drawn.random()
        yield " ".join(first[: round(len(first) * share)] + second[round(len(second) * share) :]) or first[0]


def apart(arguments: argparse.Namespace, statements: Path) -> dict[str, float]:
    command = [sys.executable, __file__, str(arguments.run), "--cell", str(statements), "--engine", arguments.engine]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def cell(run: Path, statements: Path, engine: str) -> dict[str, float | str]:
    loaded = engines.behind(run, classifier.load(run), engine)
    loaded.score(["The delegations met for three hours and left without a statement."])
    out = statements.with_name("scored.parquet")
    began, busy = time.perf_counter(), time.process_time()
    summary = score_file(ScoreJob((str(statements),), out, force=True), loaded)
    seconds, core_seconds = time.perf_counter() - began, time.process_time() - busy
    out.unlink()
    return {
        "rows": summary.rows,
        "scored": summary.scored,
        "seconds": round(seconds, 2),
        "core_seconds": round(core_seconds, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "model_id": loaded.model_id,
    }


def table(found: pd.DataFrame) -> str:
    lines = ["| rows | rounds | rows/s (least, most) | core-s per 100,000 | peak memory, MiB (least, most) |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for rows, runs in found.groupby("rows"):
        rate, peak = runs["rows"] / runs["seconds"], runs["peak_mib"]
        cores = (100_000 * runs["core_seconds"] / runs["rows"]).median()
        lines.append(
            f"| {rows:,} | {len(runs)} | {rate.median():,.0f} ({rate.min():,.0f}, {rate.max():,.0f}) | {cores:.1f} "
            f"| {peak.median():,.0f} ({peak.min():,.0f}, {peak.max():,.0f}) |"
        )
    return "\n".join(lines)


def draw(found: dict[str, pd.DataFrame], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "growth"
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for (name, runs), color in zip(found.items(), COLORS, strict=False):
        rates = (runs["rows"] / runs["seconds"]).groupby(runs["rows"])
        peaks = (runs["peak_mib"] / 1024).groupby(runs["rows"])
        for panel, values in zip(panels, (rates, peaks), strict=True):
            middle = values.median()
            panel.plot(middle.index, middle, marker="o", color=color, label=name)
            panel.fill_between(middle.index, values.min(), values.max(), color=color, alpha=0.2, linewidth=0)
    if len(found) > 1:  # a network and a linear model differ by tens
        panels[0].set_yscale("log")
    else:
        panels[0].set_ylim(bottom=0)
    for panel, words in zip(panels, ("rows a second", "peak memory, GiB"), strict=True):
        panel.set_xscale("log")
        panel.set_xlabel("rows")
        panel.set_title(words)
        panel.grid(alpha=0.3)
    panels[1].set_ylim(0, 1.2 * max(runs["peak_mib"].max() for runs in found.values()) / 1024)
    panels[0].legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
