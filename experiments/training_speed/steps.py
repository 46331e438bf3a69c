"""Examples per second of fine-tuning MiniLM, step by step: what each of our choices brings, alternated.

    python experiments/training_speed/steps.py --steps 25 --rounds 4

The first way is what transformers' example script does where nothing is set: every example padded to 128 tokens,
batches of 8 in random order, fp32, on the same Trainer (against_example.py runs the script itself). The others are
ours: dynamic padding, batches of 16, bf16 where the machine has it; in random order, grouped by length, and grouped by
length with deterministic operations alone, as `reproducible: strict` does it: the last ratio is what strict costs.
Nothing is evaluated or saved while the clock runs. Beside each stands the floor: the operations that its tokens need
without padding (counted by torch) at the rate that one large matrix product reaches here.
"""

import argparse
import logging
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler
from torch.utils.flop_counter import FlopCounterMode
from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments
from transformers.utils import logging as transformers_logging

from ukraine_stance.config import load as load_config
from ukraine_stance.corpus import dataset
from ukraine_stance.evaluation.results import gold_columns
from ukraine_stance.models.finetuning import LengthGroupedBatches, _deterministic, _network, use_bf16, weighted_loss
from ukraine_stance.models.network import read_tokenizer
from ukraine_stance.models.weights import locate
from ukraine_stance.project import Project

CONFIG = Path(__file__).parents[2] / "configs" / "train" / "minilm.yaml"


class InOrder(Sampler[list[int]]):
    """Shuffled rows in batches, whatever their lengths."""

    def __init__(self, rows: int, batch_size: int) -> None:
        self.rows, self.batch_size = rows, batch_size

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng(0).permutation(self.rows).tolist()
        return iter(order[at : at + self.batch_size] for at in range(0, self.rows, self.batch_size))


@dataclass
class Way:
    name: str
    batches: Any
    collator: DataCollatorWithPadding
    bf16: bool
    strict: bool = False

    def seconds(self, network: Any, rows: list[dict[str, Any]], steps: int, folder: str) -> tuple[float, int]:
        """Seconds of so many steps, and the examples in them."""
        seen = []

        class Timed(Trainer):
            def get_train_dataloader(self) -> DataLoader[Any]:
                return DataLoader(rows, batch_sampler=way.batches, collate_fn=way.collator)  # type: ignore[arg-type]

            def training_step(self, model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
                seen.append((time.perf_counter(), len(inputs["labels"])))
                return super().training_step(model, inputs, *more, **named)

        way = self
        arguments = TrainingArguments(
            output_dir=folder, max_steps=steps + 2, bf16=self.bf16, use_cpu=not torch.cuda.is_available(),
            report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True, learning_rate=1e-5,
        )  # fmt: skip
        trainer = Timed(model=network, args=arguments, train_dataset=rows, compute_loss_func=weighted_loss(None))
        trainer.remove_callback(PrinterCallback)
        with _deterministic(self.strict):
            trainer.train()
        # The first step warms up, the last one only tells when the one before it ended.
        return seen[-1][0] - seen[1][0], sum(size for _, size in seen[1:-1])


def matmul_rate(dtype: torch.dtype) -> float:
    """Operations per second of a product of 1536 x 1536 matrices, the best of ten."""
    one = torch.randn(1536, 1536).to(dtype)
    spent = []
    for _ in range(10):
        started = time.perf_counter()
        one @ one
        spent.append(time.perf_counter() - started)
    return 2 * 1536**3 / min(spent)


def operations(network: Any, tokens: int) -> int:
    """Operations of one training step on one example of that length, without padding."""
    batch = {name: torch.ones(1, tokens, dtype=torch.long) for name in ("input_ids", "attention_mask")}
    with FlopCounterMode(display=False) as counter:
        network(**batch).logits.sum().backward()
    network.zero_grad()
    return int(counter.get_total_flops())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=25, help="of each way in each round")
    parser.add_argument("--rounds", type=int, default=4)
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    transformers_logging.set_verbosity_error()
    config = load_config(CONFIG).config
    source = locate(config.model.checkpoint, None, config.model.checkpoint_sha256)
    data = dataset.load(Project(Path()), config.data).part("train")
    tokenizer = read_tokenizer(source)
    encoded = tokenizer(list(data["text"]), list(data["target"]), truncation="only_first", max_length=128)
    rows = [
        {**{name: encoded[name][row] for name in encoded}, "labels": int(label)}
        for row, label in enumerate(gold_columns(data))
    ]
    lengths = [len(row["input_ids"]) for row in rows]
    size, bf16 = config.model.batch_size, use_bf16("auto")
    dynamic, fixed = (
        DataCollatorWithPadding(tokenizer),
        DataCollatorWithPadding(tokenizer, padding="max_length", max_length=128),
    )
    ways = [
        Way("run_classification.py's defaults", InOrder(len(rows), 8), fixed, False),
        Way("ours, random order", InOrder(len(rows), size), dynamic, bf16),
        Way("ours, grouped by length", LengthGroupedBatches(lengths, size, 7), dynamic, bf16),
        Way("ours, grouped, strict", LengthGroupedBatches(lengths, size, 7), dynamic, bf16, strict=True),
    ]
    network = _network(source, config.model)
    rates: dict[str, list[float]] = {way.name: [] for way in ways}
    with TemporaryDirectory() as folder:
        for _ in range(asked.rounds):
            for way in ways:
                spent, examples = way.seconds(network, rows, asked.steps, folder)
                rates[way.name].append(examples / spent)
                print(f"{way.name}: {examples / spent:.1f} examples/s", file=sys.stderr, flush=True)
    mean = sum(lengths) / len(lengths)
    each = operations(network, round(mean))
    peak = matmul_rate(torch.bfloat16 if bf16 else torch.float32)
    print(f"{asked.rounds} rounds of {asked.steps} steps, {torch.get_num_threads()} threads, {mean:.1f} tokens a row")
    first = np.asarray(rates[ways[0].name])
    for way in ways:
        found = np.asarray(rates[way.name])
        ratio = found / first
        print(
            f"{way.name}: {np.median(found):.1f} examples/s ({found.min():.1f} to {found.max():.1f}), "
            f"{np.median(ratio):.2f} times the first ({ratio.min():.2f} to {ratio.max():.2f})"
        )
    seeded, strict = (np.asarray(rates[way.name]) for way in ways[-2:])
    print(
        f"seeded is {np.median(seeded / strict):.3f} times as fast as strict, round by round: "
        f"{', '.join(f'{ratio:.3f}' for ratio in seeded / strict)}"
    )
    print(
        f"floor: {each / 1e9:.2f} GFLOP an example without padding at {peak / 1e9:.0f} GFLOP/s "
        f"({'bf16' if bf16 else 'fp32'} product): {peak / each:.0f} examples/s"
    )


if __name__ == "__main__":
    main()
