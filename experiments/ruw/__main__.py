"""RUW, stance to Ukraine. python -m experiments.ruw RUW --out experiments/runs/ruw."""

from experiments.benchmarks.running import Benchmark, main
from experiments.ruw.reader import FILES, read

main(
    Benchmark(
        name="ruw",
        state="the project multi-target/RUW at commit ecb2a45",
        files=FILES,
        sha256="64275c1fae73c877a911bf15a891c4dc8410d73073ebb9440aa80945f6be420c",
        read=read,
        metric="favor_against_f1",
        published=(
            ("BERT", 0.5413, "the authors' table"),
            ("BERT-A", 0.5640, "the authors' table"),
            ("CKD", 0.5874, "the authors' table"),
            ("KDCL, theirs", 0.7821, "the authors' table"),
        ),
        bars={"tfidf": 0.56, "minilm": 0.58, "ensemble": 0.61},
    )
)
