"""What a Ray cluster costs on one machine: `stance score --cluster` beside one process, on the same rows.

    python experiments/cluster/overhead.py RUN --out DIR [--rows 200000] [--rounds 3]

RUN is a finished run of TF-IDF. Three ways in turn, round after round: one process; a cluster of one processor, begun
beforehand with `ray start`, which does the same work through Ray; and `--cluster auto`, which begins a cluster of all
processors itself. Seconds are of the whole command; rows a second are those between the first and the last committed
part, so that start-up is left out. Every way must end in the same bytes. The rows are our statements, repeated with a
number of their own, so that none is scored for another.
"""

import argparse
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.parquet as pq

BIN = Path(sys.executable).parent
ALONE, ONE_WORKER, AUTO = "one process", "cluster of one processor", "--cluster auto"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    source = arguments.out / "statements.parquet"
    write(source, arguments.rows)
    rows = []
    for number in range(arguments.rounds):
        for way in (ALONE, ONE_WORKER, AUTO):
            rows.append({"round": number, "way": way, **measure(way, arguments.run, source, arguments.out / "scored")})
            print(rows[-1], file=sys.stderr, flush=True)
    (arguments.out / "rounds.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    if len({row["sha256"] for row in rows}) != 1:
        sys.exit("the ways end in different bytes")
    print(table(rows))


def write(path: Path, count: int) -> None:
    files = sorted(Path("data/statements").glob("*.jsonl"))
    texts = [json.loads(line)["text"] for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    varied = [f"{text} ({number})" for number, text in enumerate(islice(cycle(texts), count))]
    pq.write_table(pa.table({"id": range(count), "text": varied}), path)


def measure(way: str, run: Path, source: Path, out: Path) -> dict[str, float | str]:
    words = [str(BIN / "stance"), "score", str(source), "--model", str(run), "--out", f"{out}/"]
    port = free_port()
    if way == ONE_WORKER:
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
        start = ["start", "--head", "--num-cpus=1", "--include-dashboard=false", "--node-ip-address=127.0.0.1"]
        blocked = [str(BIN / "ray"), *start, f"--port={port}", "--block"]
        environment = os.environ | quiet
        head = subprocess.Popen(blocked, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not answers(port):
            time.sleep(0.1)
        time.sleep(5)
        words += ["--cluster", f"127.0.0.1:{port}"]
    else:
        environment = dict(os.environ)
        words += ["--cluster", "auto"] if way == AUTO else []
    begun = time.perf_counter()
    try:
        subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - begun
    finally:
        if way == ONE_WORKER:
            head.terminate()
            head.wait()
    times = sorted((path.stat().st_mtime, pq.read_metadata(path).num_rows) for path in out.glob("part-*"))
    rate = sum(count for _, count in times[1:]) / (times[-1][0] - times[0][0])
    digest = hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file())
    ).hexdigest()
    shutil.rmtree(out)
    return {"seconds": round(seconds, 2), "rows_per_second": round(rate), "sha256": digest}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def table(rows: list[dict[str, float | str]]) -> str:
    lines = ["| way | seconds, whole command | rows a second after start | against one process, same round |"]
    lines.append("| --- | --- | --- | --- |")
    alone = [float(row["rows_per_second"]) for row in rows if row["way"] == ALONE]
    for way in (ALONE, ONE_WORKER, AUTO):
        ours = [row for row in rows if row["way"] == way]
        seconds, rates = ([float(row[name]) for row in ours] for name in ("seconds", "rows_per_second"))
        ratios = [rate / base for rate, base in zip(rates, alone, strict=True)]
        cells = [
            f"{median(values):{form}} ({min(values):{form}} to {max(values):{form}})"
            for values, form in ((seconds, ".1f"), (rates, ",.0f"), (ratios, ".2f"))
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
