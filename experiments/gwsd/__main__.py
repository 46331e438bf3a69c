"""GWSD, 200 held-out sentences. python -m experiments.gwsd GWSTANCE --out experiments/runs/gwsd."""

from experiments.benchmarks.running import Benchmark, main
from experiments.gwsd.reader import FILES, read

main(
    Benchmark(
        name="gwsd",
        state="the project yiweiluo/GWStance at commit 7c44811",
        files=FILES,
        sha256="2b260f927ba5759880a16eefda1e51030de56c894d1fac3bf4d104650a032bb6",
        read=read,
        metric="macro_f1",
        published=(("one rater against the other seven", 0.622, "counted from the authors' ratings"),),
        bars={"tfidf": 0.72, "minilm": 0.72, "ensemble": 0.72},
    )
)
