"""What helps a fine-tuned MiniLM? One setting changed at a time, judged on validation alone.

.venv/bin/python -m experiments.benchmarks.search_minilm DATA.csv [DATA.csv ...] --out LINES.jsonl --set pooling=mean
.venv/bin/python -m experiments.benchmarks.search_minilm --out LINES.jsonl

DATA.csv is OUT/data.csv of a benchmark's command. A loop of its own, since most of what is tried here was not kept:
length groups, fused AdamW, bf16. Every training appends one line to LINES.jsonl; what stands there is left out. At the
end, and without data at once, all that stands there is printed as a table.
"""

import argparse
import json
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from ukraine_stance.corpus.names import masked
from ukraine_stance.evaluation.metrics import confusion, favor_against_f1, macro_f1
from ukraine_stance.labels import ORDER, column_of
from ukraine_stance.models.network import read_network, read_tokenizer
from ukraine_stance.models.transformer import balanced_class_weights
from ukraine_stance.models.weights import locate

PLAIN: dict[str, Any] = {
    "checkpoint": "sentence-transformers/all-MiniLM-L6-v2",
    "learning_rate": 1e-4,
    "head_rate": 1.0,  # times the learning rate
    "layer_decay": 1.0,  # of the learning rate, for each layer further down
    "epochs": 4,
    "batch_size": 16,
    "warmup": 0.1,
    "weight_decay": 0.01,
    "pooling": "pooler",  # or mean, or first: both without the pooler's layer
    "dropout": 0.1,
    "class_weights": True,
    "smoothing": 0.0,
    "focal": 0.0,
    "rdrop": 0.0,  # times half the symmetric divergence, beside the mean cross-entropy of both passes
    "ema": 0.99,  # share of the average of the weights that each step keeps; the average is judged beside the weights
    "target": "pair",  # or none
    "distil": 0.0,  # share of the loss that follows the answers of two teachers, each of which learned the other half
    "masked": 0.0,  # share of the training statements whose names, but for the two sides, are masked, drawn each epoch
}
CHOICES: dict[str, tuple[str, ...]] = {"pooling": ("pooler", "mean", "first"), "target": ("pair", "none")}
MAX_TOKENS = 128


class Classifier(torch.nn.Module):
    """The checkpoint's sequence classifier with another pooling."""

    def __init__(self, source: Path, pooling: str, dropout: float) -> None:
        super().__init__()
        changed = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        self.network, _ = read_network(source, num_labels=len(ORDER), **changed)
        self.pooling = pooling

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits (n, 3)."""
        if self.pooling == "pooler":
            return self.network(**batch).logits.float()
        states = self.network.base_model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        pooled = states[:, 0] if self.pooling == "first" else (states * mask).sum(1) / mask.sum(1)
        return self.network.classifier(self.network.dropout(pooled)).float()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], help="name=value, of those in PLAIN")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = parser.parse_args()
    changed = dict(_setting(parser, pair) for pair in given.set)
    if changed.get("distil") and changed.get("rdrop"):
        parser.error("distil and rdrop: one of them at a time")
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    done = {
        (line["data"], line["seed"], json.dumps(line["changed"], sort_keys=True)) for line in map(json.loads, lines)
    }
    for seed in given.seeds:
        for path in given.data:
            if (path.parent.name, seed, json.dumps(changed, sort_keys=True)) in done:
                continue
            found = {
                "data": path.parent.name,
                "seed": seed,
                "changed": changed,
                **one(path, {**PLAIN, **changed}, seed),
            }
            print(json.dumps(found), flush=True)
            with given.out.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(found) + "\n")
    print(table([json.loads(line) for line in given.out.read_text().splitlines()]))


def table(lines: list[dict[str, Any]]) -> str:
    """Macro-F1 after the last epoch, seed by seed and their mean, and minutes a training, of every setting and file."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for line in sorted(lines, key=lambda line: (len(line["changed"]), line["seed"])):
        setting = ", ".join(f"{name} {value}" for name, value in line["changed"].items()) or "plain"
        found.setdefault(setting, {}).setdefault(line["data"], []).append(line)
    names = sorted({line["data"] for line in lines})
    rows = [["changed", *names], ["---"] * (len(names) + 1)]
    for setting, by_data in found.items():
        rows.append([setting, *(_cell(by_data.get(name, [])) for name in names)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return ""
    last = [line["weights"][-1] for line in lines]
    mean = f": {np.mean(last):.3f}" if len(last) > 1 else ""
    minutes = np.mean([line["cpu_seconds"] for line in lines]) / 60
    return f"{', '.join(f'{value:.3f}' for value in last)}{mean} ({minutes:.1f} min)"


def _setting(parser: argparse.ArgumentParser, pair: str) -> tuple[str, Any]:
    name, _, text = pair.partition("=")
    if name not in PLAIN:
        parser.error(f"--set {pair}: no setting of that name; there are {', '.join(PLAIN)}")
    kind = type(PLAIN[name])
    known = ("True", "False") if kind is bool else CHOICES.get(name, ())
    if known and text not in known:
        parser.error(f"--set {pair}: one of {', '.join(known)} is wanted")
    try:
        return name, text == "True" if kind is bool else kind(text)
    except ValueError:
        parser.error(f"--set {pair}: {kind.__name__} is wanted")


def one(path: Path, how: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train once; what it cost, and on validation after each epoch macro-F1 of the weights and of their average.

    favor_against_f1, the mean of F1 favor and F1 against, is that of the weights.
    """
    torch.manual_seed(seed)
    rows = pd.read_csv(path, dtype={"text": str}, keep_default_na=False)
    parts = {"train": rows[rows["fold"] >= 2], "validation": rows[rows["fold"] == 1]}
    source = locate(how["checkpoint"], None, None)
    tokenizer, model = read_tokenizer(source), Classifier(source, how["pooling"], how["dropout"])
    encoded = {name: encode(tokenizer, part, how["target"]) for name, part in parts.items()}
    without = parts["train"].assign(text=[masked(text, but_sides=True) for text in parts["train"]["text"]])
    training = list(zip(encoded["train"], encode(tokenizer, without, how["target"]), strict=True))
    gold = {name: np.array([column_of(label) for label in part["label"]]) for name, part in parts.items()}
    began, used = perf_counter(), process_time()
    history: dict[str, list[float]] = {"weights": [], "average": [], "favor_against_f1": []}
    taught = teachers(source, tokenizer, training, gold["train"], how, seed) if how["distil"] else None
    for trained in epochs(model, tokenizer, training, gold["train"], how, seed, taught):
        for name, network in trained.items():
            counts = confusion(gold["validation"], predict(network, tokenizer, encoded["validation"]).argmax(1))
            history[name].append(round(float(macro_f1(counts)), 4))
            if name == "weights":
                history["favor_against_f1"].append(round(float(favor_against_f1(counts)), 4))
    cost = {"seconds": round(perf_counter() - began), "cpu_seconds": round(process_time() - used)}
    return {**history, **cost}


def encode(tokenizer: Any, rows: pd.DataFrame, target: str) -> list[list[int]]:
    """Token numbers of every row; a pair's second part has token type 1, as the tokenizer itself would say."""
    pairs = (list(rows["text"]), list(rows["target"])) if target == "pair" else (list(rows["text"]),)
    cut: Any = "only_first" if target == "pair" else True
    found = tokenizer(*pairs, truncation=cut, max_length=MAX_TOKENS)
    return [dict(zip(found.keys(), values, strict=True)) for values in zip(*found.values(), strict=True)]


def teachers(
    source: Path, tokenizer: Any, both: list[Any], gold: np.ndarray, how: dict[str, Any], seed: int
) -> torch.Tensor:
    """Probabilities (n, 3) of every training row, from a model like this one that learned the other half."""
    order = np.random.default_rng(seed + 100).permutation(len(both))
    found = np.zeros((len(both), len(ORDER)))
    for held, learned in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        model = Classifier(source, how["pooling"], how["dropout"])
        for _ in epochs(model, tokenizer, [both[row] for row in learned], gold[learned], {**how, "ema": 0.0}, seed):
            pass
        found[held] = predict(model, tokenizer, [both[row][0] for row in held])
    return torch.tensor(found, dtype=torch.float32).softmax(-1)


def epochs(
    model: Classifier,
    tokenizer: Any,
    both: list[Any],
    gold: np.ndarray,
    how: dict[str, Any],
    seed: int,
    taught: torch.Tensor | None = None,
) -> Any:
    """Train, and give after each epoch the model that answers: the average of the steps where one is kept.

    both has every row as it is and without names; taught are the teachers' answers.
    """
    rng = np.random.default_rng(seed)
    lengths = np.array([len(row["input_ids"]) for row, _ in both])
    steps = how["epochs"] * -(-len(both) // how["batch_size"])
    optimiser = torch.optim.AdamW(groups(model, how), weight_decay=how["weight_decay"], fused=True)
    climb = max(1, int(how["warmup"] * steps))
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / climb, (steps - step) / max(1, steps - climb))
    )
    weights = torch.tensor(balanced_class_weights(gold), dtype=torch.float32) if how["class_weights"] else None
    average = (
        torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(how["ema"]))
        if how["ema"]
        else None
    )
    for _ in range(how["epochs"]):
        model.train()
        rows = [pair[int(rng.random() < how["masked"])] for pair in both] if how["masked"] else [row for row, _ in both]
        for chosen in batches(lengths, how["batch_size"], rng):
            batch = dict(tokenizer.pad([rows[row] for row in chosen], return_tensors="pt"))
            labels = torch.tensor(gold[chosen])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                twice = {name: torch.cat([tensor, tensor]) for name, tensor in batch.items()} if how["rdrop"] else batch
                logits = model(twice)
            total = loss(logits, labels, weights, how)
            if taught is not None:
                total = (1 - how["distil"]) * total + how["distil"] * cross_entropy(logits, taught[chosen])
            total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            rate.step()
            optimiser.zero_grad()
            if average is not None:
                average.update_parameters(model)
        yield {"weights": model} if average is None else {"weights": model, "average": average.module}


def loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None, how: dict[str, Any]) -> torch.Tensor:
    """Cross-entropy with what the setting adds; with R-Drop the logits hold every row twice (Liang et al. 2021)."""
    both = torch.cat([labels, labels]) if how["rdrop"] else labels
    each = cross_entropy(logits, both, weight=weights, label_smoothing=how["smoothing"], reduction="none")
    if how["focal"]:
        sure = log_softmax(logits, -1).gather(1, both[:, None]).squeeze(1).exp()
        each = each * (1 - sure.detach()) ** how["focal"]
    total = each.mean()
    if how["rdrop"]:
        first, second = log_softmax(logits, -1).chunk(2)
        apart = kl_div(first, second, log_target=True, reduction="batchmean") + kl_div(
            second, first, log_target=True, reduction="batchmean"
        )
        total = total + how["rdrop"] * apart / 2
    return total


def groups(model: Classifier, how: dict[str, Any]) -> list[dict[str, Any]]:
    """Parameters with their learning rates: lower layers learn slower where asked."""
    layers = model.network.config.num_hidden_layers
    by_rate: dict[float, list[Any]] = {}
    for name, parameter in model.named_parameters():
        if "encoder.layer." in name:
            depth = layers - 1 - int(name.split("encoder.layer.")[1].split(".")[0])
        else:
            depth = layers if "embeddings" in name else -1
        factor = how["head_rate"] if depth < 0 else how["layer_decay"] ** depth
        by_rate.setdefault(how["learning_rate"] * factor, []).append(parameter)
    return [{"params": parameters, "lr": rate} for rate, parameters in by_rate.items()]


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Row numbers of every batch, in random order; rows of one batch have near lengths."""
    order = rng.permutation(len(lengths))
    pools = [order[at : at + 50 * size] for at in range(0, len(order), 50 * size)]
    ordered = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    found = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    return [found[number] for number in rng.permutation(len(found))]


def predict(model: Classifier, tokenizer: Any, rows: list[Any]) -> np.ndarray:
    """Logits (n, 3)."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]["input_ids"]))
    found = np.zeros((len(rows), len(ORDER)))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        for at in range(0, len(order), 32):
            chosen = order[at : at + 32]
            found[chosen] = model(dict(tokenizer.pad([rows[row] for row in chosen], return_tensors="pt"))).numpy()
    return found


if __name__ == "__main__":
    main()
