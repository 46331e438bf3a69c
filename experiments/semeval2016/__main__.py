"""SemEval-2016 task 6 A. python -m experiments.semeval2016 TWEETEVAL --out experiments/runs/semeval2016."""

from experiments.benchmarks.running import Benchmark, main
from experiments.semeval2016.reader import FILES, read

main(
    Benchmark(
        name="semeval2016",
        state="the project cardiffnlp/tweeteval at commit 4fbd22c",
        files=FILES,
        sha256="b3003853c872101f2b32bf15cf5728ae4c8c78328df3c714f699c4439289c4be",
        read=read,
        metric="favor_against_f1",
        published=(
            ("SVM on word and character n-grams", 0.6898, "the organisers' own, Mohammad et al. 2016"),
            ("RoBERTa-base", 0.680, "TweetEval's table"),
            ("BERTweet", 0.712, "TweetEval's table"),
            ("TimeLMs-2021", 0.729, "TweetEval's table"),
        ),
        bars={"tfidf": 0.69, "minilm": 0.69, "ensemble": 0.71},
    )
)
