"""How fast each engine scores 20,000 statements from Parquet to Parquet, beside transformers.pipeline.

    python experiments/scoring_speed/scoring_speed.py RUN --out DIR [--statements 20000] [--rounds 3] [--peers PYTHON]

RUN is a finished run of MiniLM with engines from `stance export RUN`. Every way runs in a process of its own, in turn,
round after round; a round's order is that of the table. The statements are ours and cross-overs of two of ours, cut at
the same share of their words, so that each is different and lengths are those of ours. The table has the median of the
rounds with the smallest and largest, the speed-up over the pipeline, labels that equal those of fp32, and macro-F1 on
the test fold. With the Python of an environment that has them, `peers.py` trains other programs and times them too.

Below it stands the floor: how many statements a second the machine's rate of matrix products, measured here on all
cores in each type, leaves for the operations counted, and how many the tokenizer alone takes.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ukraine_stance import classifier
from ukraine_stance.corpus.dataset import read_built
from ukraine_stance.evaluation.metrics import confusion, macro_f1
from ukraine_stance.labels import TARGET, column_of
from ukraine_stance.models.weights import locate
from ukraine_stance.project import Project
from ukraine_stance.scoring.engines import ENGINES, behind
from ukraine_stance.scoring.engines.admission import crossed, read

PIPELINE = "transformers.pipeline"
LABELLED = "labelled.parquet"
OTHER_MODELS = ("spaCy textcat", "spaCy textcat, bag of words", "sentence-transformers, linear head", "SetFit")
PEERS = Path(__file__).with_name("peers.py")
CHECKPOINT = "sentence-transformers/all-MiniLM-L6-v2"


def main() -> None:
    arguments = parse()
    if arguments.way:
        print(json.dumps(one(arguments)))
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    statements = read_built(Project(Path())).query("origin == 'bundled'")
    statements[["text", "target", "label", "fold"]].to_parquet(arguments.out / LABELLED)
    texts = list(crossed(tuple(statements["text"]), arguments.statements))
    np.random.default_rng(0).shuffle(texts)
    pq.write_table(pa.table({"text": texts[: arguments.statements]}), arguments.out / "statements.parquet")
    measured = [found for name in ENGINES if (found := read(arguments.run / "engines" / name))]
    admitted = [found.engine for found in measured if not found.faults]
    peers = trained_peers(arguments) if arguments.peers else {}
    rows = []
    for number in range(arguments.rounds):
        for way in (PIPELINE, "torch", *admitted, *peers):
            rows.append({"round": number, "way": way, **apart(arguments, way), **peers.get(way, {})})
            print(rows[-1], file=sys.stderr, flush=True)
    (arguments.out / "rounds.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    print(table(rows, arguments.out))
    print(floor(arguments.run, texts[: arguments.statements]))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--statements", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, metavar="PYTHON", help="of an environment that has what peers.py names")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    return parser.parse_args()


def trained_peers(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """What each of the other programs reaches on the test fold, trained once."""
    if classifier.load(arguments.run).model.settings()["pooling"] is not None:
        sys.exit("the peers read RUN with transformers alone: train it with --set model.pooling=null")
    pretrained = locate(CHECKPOINT, None, None)
    command = [arguments.peers, PEERS, arguments.out, "--train", pretrained, arguments.run / "model"]
    done = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return found


def apart(arguments: argparse.Namespace, way: str) -> dict[str, float]:
    if way in (PIPELINE, *ENGINES, "torch"):
        command = [sys.executable, __file__, str(arguments.run), "--out", str(arguments.out), "--way", way]
    else:
        command = [str(arguments.peers), str(PEERS), str(arguments.out), "--way", way]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, found = time.perf_counter() - began, json.loads(done.stdout.splitlines()[-1])
    return {**found, "seconds_with_loading": seconds - found.get("seconds_aside", 0)}


def one(arguments: argparse.Namespace) -> dict[str, float]:
    """Score the statements in one way, and say how long it took and which labels came out."""
    score = pipeline(arguments.run) if arguments.way == PIPELINE else engine(arguments.run, arguments.way)
    score(["The delegations met for three hours and left without a statement."] * 32)
    began, busy = time.perf_counter(), time.process_time()
    table = pq.read_table(arguments.out / "statements.parquet")
    labels, sure = score(table.column("text").to_pylist())
    given = table.append_column("stance", pa.array(labels)).append_column("confidence", pa.array(sure))
    pq.write_table(given, arguments.out / f"{arguments.way}.parquet")
    spent = {"seconds": time.perf_counter() - began, "core_seconds": time.process_time() - busy}
    labelled = pd.read_parquet(arguments.out / LABELLED).query("fold == 0")
    gold = [column_of(label) for label in labelled["label"]]
    began = time.perf_counter()
    labels, _ = score(list(labelled["text"]))
    of_test = {
        "seconds_aside": time.perf_counter() - began,
        "macro_f1": float(macro_f1(confusion(gold, [column_of(label) for label in labels]))),
    }
    return {**spent, **of_test, "statements": table.num_rows}


def pipeline(run):  # noqa: ANN001, ANN201
    """As the documentation shows: a data set of pairs streamed through a pipeline in batches of 32."""
    from datasets import Dataset
    from transformers import pipeline as make
    from transformers.pipelines.pt_utils import KeyPairDataset

    # The network itself: with mean pooling it is a class of ours, which the pipeline cannot find by its folder.
    model = classifier.load(run).model
    classify = make("text-classification", model=model.network, tokenizer=model._tokenizer)

    def score(texts: list[str]) -> tuple[list[str], list[float]]:
        pairs = KeyPairDataset(Dataset.from_dict({"text": texts, "target": [TARGET] * len(texts)}), "text", "target")
        answers = list(classify(pairs, batch_size=32, truncation=True, max_length=128))
        return [answer["label"] for answer in answers], [answer["score"] for answer in answers]

    return score


def engine(run, name):  # noqa: ANN001, ANN201
    loaded = behind(run, classifier.load(run), name)

    def score(texts: list[str]) -> tuple[list[str], list[float]]:
        scores = loaded.score(texts)
        return list(scores["stance"]), list(scores["confidence"])

    return score


def table(rows: list[dict[str, float]], out: Path) -> str:
    found = pd.DataFrame(rows)
    reference = pq.read_table(out / "torch.parquet").column("stance").to_pylist()
    lines = [
        "| way | statements/s (least, most) | core-s per 1,000 | times the pipeline | with loading | same labels "
        "| macro-F1 on the test fold |"
    ]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    base = found[found["way"] == PIPELINE].set_index("round")
    for way, runs in found.groupby("way", sort=False):
        runs = runs.set_index("round")
        rate = runs["statements"] / runs["seconds"]
        times = (base["seconds"] / runs["seconds"]).median()
        loading = (base["seconds_with_loading"] / runs["seconds_with_loading"]).median()
        labels = pq.read_table(out / f"{way}.parquet").column("stance").to_pylist()
        same = np.mean([mine == theirs for mine, theirs in zip(labels, reference, strict=True)])
        of_ours = f"{same:.2%}" if way not in OTHER_MODELS else ""
        score = runs["macro_f1"].iloc[0]
        cores = 1000 * (runs["core_seconds"] / runs["statements"]).median()
        spread = f"{rate.median():.0f} ({rate.min():.0f}, {rate.max():.0f})"
        lines.append(f"| {way} | {spread} | {cores:.2f} | {times:.1f} | {loading:.1f} | {of_ours} | {score:.3f} |")
    return "\n".join(lines)


def floor(run: Path, texts: list[str]) -> str:
    """Statements a second if nothing but the counted products, or nothing but the tokenizer, took time."""
    model = classifier.load(run).model
    encode = model._tokenize
    targets = [TARGET] * len(texts)
    began = time.perf_counter()
    lengths = np.array([len(one.ids) for one in encode(texts, targets, None, False).encodings])
    tokenizer = len(texts) / (time.perf_counter() - began)
    giga = operations(model.network.config, lengths, model.settings()["pooling"]) / 1e9
    cores = len(os.sched_getaffinity(0))
    lines = [f"{lengths.mean():.1f} tokens and {giga:.3f} billion operations a statement; {cores} cores", ""]
    lines += ["| alone | rate | statements/s |", "| --- | --- | --- |"]
    for kind, rate in product_rates(cores).items():
        lines.append(f"| products in {kind} | {rate:.0f} billion operations/s | {rate / giga:.0f} |")
    return "\n".join([*lines, f"| tokenizer, as transformers runs it | | {tokenizer:.0f} |"])


def operations(config, lengths, pooling) -> float:  # noqa: ANN001
    """Multiplications and additions of the packed forward pass for one statement, on average.

    Without mean pooling the last layer is computed for the first token alone; embeddings, norms and activations are
    left out.
    """
    width, inner, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    tokens = lengths.astype(float)
    layer = tokens * 2 * (4 * width**2 + 2 * width * inner) + 4 * tokens**2 * width
    if pooling == "mean":
        return float((config.num_hidden_layers * layer).mean())
    last = 2 * (4 * width**2 + 2 * width * inner) + 4 * heads * tokens * width
    return float(((config.num_hidden_layers - 1) * layer + last).mean())


def product_rates(cores: int) -> dict[str, float]:
    """Billion operations a second of 1,024 tokens times the up-projection of MiniLM, a product on every core."""
    import torch

    rows, width, inner, times = 1024, 384, 1536, 100
    ones, zeros = torch.ones(inner), torch.zeros(inner, dtype=torch.int32)
    quantised = torch.randint(-127, 128, (inner, width), dtype=torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(quantised, [rows, width])
    unsigned = torch.randint(0, 256, (rows, width), dtype=torch.uint8)
    ways = {}
    for kind in (torch.float32, torch.bfloat16):
        given, weight = torch.randn(rows, width).to(kind), torch.randn(inner, width).to(kind)
        ways[str(kind).removeprefix("torch.")] = partial(torch.nn.functional.linear, given, weight)
    ways["int8, bfloat16 out"] = lambda: torch.ops.onednn.qlinear_pointwise(
        unsigned, 1.0, 0, packed, ones, zeros, None, 1.0, 0, torch.bfloat16, "none", [], "none"
    )
    rates = {}
    with ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for name, way in ways.items():
            found = []
            for _ in range(4):  # the first warms up
                began = time.perf_counter()
                list(pool.map(lambda _, way=way: [way() for _ in range(times)], range(cores)))
                found.append(cores * times * 2 * rows * width * inner / (time.perf_counter() - began) / 1e9)
            rates[name] = float(np.median(found[1:]))
    return rates


if __name__ == "__main__":
    main()
