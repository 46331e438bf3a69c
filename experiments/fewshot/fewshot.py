"""Which model for 8, 32 or 128 labelled statements of each stance?

stance data build
.venv/bin/python experiments/fewshot/fewshot.py experiments/runs/fewshot
.venv/bin/python experiments/fewshot/fewshot.py experiments/runs/fewshot --report

Statements are drawn from the training folds; there is no validation set, as whoever has 24 labels has none, so nothing
is tuned and the last epoch is taken. Every fit appends a line to OUT/scores.jsonl; given again, those are left out.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegressionCV
from transformers import AutoModel, set_seed

from ukraine_stance import config as configs
from ukraine_stance import models
from ukraine_stance.corpus import dataset
from ukraine_stance.evaluation.metrics import confusion, macro_f1
from ukraine_stance.evaluation.results import gold_columns
from ukraine_stance.models.network import read_tokenizer
from ukraine_stance.models.protocol import FloatArray, IntArray, LabelledTexts
from ukraine_stance.models.weights import locate
from ukraine_stance.project import Project

PER_LABEL = (8, 32, 128)
CHECKPOINT = "sentence-transformers/all-MiniLM-L6-v2"
BATCH = 16
# Fine-tuning sees each statement so often; a few hundred steps at most.
EPOCHS = {8: 20, 32: 20, 128: 10}
# Pairs for the contrastive warm-up: 40 for each statement, as SetFit has it (Tunstall et al. 2022), 1,280 at most.
PAIRS_EACH, MOST_PAIRS = 40, 1280
WARM_UP_RATE = 2e-5

Fit = Callable[[LabelledTexts, Sequence[str], int, Path], IntArray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--draws", type=int, default=5, help="training sets and seeds, 0 and up")
    parser.add_argument("--report", action="store_true", help="only print the table")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    scores = given.out / "scores.jsonl"
    if not given.report:
        for line in fits(scores, given.draws, given.out):
            with scores.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
    report(pd.read_json(scores, lines=True))


def fits(scores: Path, draws: int, out: Path) -> Iterator[dict[str, object]]:
    data = dataset.load(Project(Path.cwd()), configs.load(Path("configs/train/tfidf.yaml"), []).config.data)
    training, test = data.part("train"), data.part("test")
    lines = scores.read_text(encoding="utf-8").splitlines() if scores.exists() else []
    done = {(row["model"], row["per_label"], row["draw"], row["data"]) for row in map(json.loads, lines)}
    for draw in range(draws):
        for count in PER_LABEL:
            drawn = [rows.sample(count, random_state=draw) for _, rows in training.groupby("label")]
            rows = pd.concat(drawn).sample(frac=1, random_state=draw)
            few = LabelledTexts(tuple(rows["text"]), tuple(rows["target"]), gold_columns(rows))
            for name, fit in MODELS.items():
                if (name, count, draw, data.sha256) in done:
                    continue
                began = perf_counter()
                with TemporaryDirectory(dir=out) as workspace:  # a training goes on with what it finds in its own
                    counts = confusion(gold_columns(test), fit(few, list(test["text"]), draw, Path(workspace)))
                line = {"model": name, "per_label": count, "draw": draw, "data": data.sha256}
                yield line | {"macro_f1": float(macro_f1(counts)), "seconds": round(perf_counter() - began, 1)}


def tfidf(few: LabelledTexts, texts: Sequence[str], seed: int, workspace: Path) -> IntArray:
    return of_config("tfidf", [], few, texts, seed, workspace)


def fine_tuned(few: LabelledTexts, texts: Sequence[str], seed: int, workspace: Path) -> IntArray:
    epochs = EPOCHS[len(few) // 3]
    return of_config("minilm", [f"model.epochs={epochs}", f"model.patience={epochs}"], few, texts, seed, workspace)


def of_config(
    name: str, sets: list[str], few: LabelledTexts, texts: Sequence[str], seed: int, workspace: Path
) -> IntArray:
    """The few statements stand in for the validation fold: their last epochs are their best."""
    model = models.build(configs.load(Path(f"configs/train/{name}.yaml"), sets).config.model, seed)
    model.fit(few, few, workspace)
    return model.predict(texts, [few.targets[0]] * len(texts)).probabilities.argmax(axis=1).astype(np.int64)


def embedded(few: LabelledTexts, texts: Sequence[str], seed: int, workspace: Path) -> IntArray:
    return of_config("embedding", [], few, texts, seed, workspace)


def warmed_up(few: LabelledTexts, texts: Sequence[str], seed: int, workspace: Path) -> IntArray:
    """Logistic regression on embeddings after statements of one stance were drawn together and others apart.

    SetFit's idea; the strength is chosen by cross-validation.
    """
    set_seed(seed)
    encoder = Encoder()
    encoder.contrast(few, np.random.default_rng(seed))
    head = LogisticRegressionCV(
        Cs=7, cv=4, l1_ratios=(0.0,), scoring="f1_macro", max_iter=2000, use_legacy_attributes=False
    )
    return head.fit(encoder.embed(few.texts), few.gold).predict(encoder.embed(texts)).astype(np.int64)


class Encoder:
    """MiniLM as a sentence encoder: the mean of its last layer's tokens, of length 1."""

    def __init__(self) -> None:
        folder = locate(CHECKPOINT, None, None)
        self.tokenizer = read_tokenizer(folder)
        self.network = AutoModel.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)

    def embed(self, texts: Sequence[str]) -> FloatArray:
        self.network.eval()
        with torch.inference_mode():
            parts = [self.forward(texts[at : at + 64]) for at in range(0, len(texts), 64)]
        return torch.cat(parts).double().numpy()

    def forward(self, texts: Sequence[str]) -> torch.Tensor:
        encoded = self.tokenizer(list(texts), truncation=True, max_length=128, padding=True, return_tensors="pt")
        tokens = self.network(**encoded).last_hidden_state
        mask = encoded["attention_mask"][..., None]
        return torch.nn.functional.normalize((tokens * mask).sum(1) / mask.sum(1), dim=-1)

    def contrast(self, few: LabelledTexts, rng: np.random.Generator) -> None:
        """One pass over random pairs: cosine 1 for two of one stance, 0 for two of different ones."""
        count = min(PAIRS_EACH * len(few), MOST_PAIRS)
        first = rng.integers(0, len(few), count)
        alike = np.arange(count) % 2 == 0
        second = np.array(
            [
                rng.choice(np.flatnonzero((few.gold == few.gold[one]) == same))
                for one, same in zip(first, alike, strict=True)
            ]
        )
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=WARM_UP_RATE, weight_decay=0.01)
        self.network.train()
        for at in range(0, count, BATCH):
            pairs = slice(at, at + BATCH)
            both = self.forward([few.texts[row] for row in (*first[pairs], *second[pairs])])
            one, other = both.chunk(2)
            wanted = torch.tensor(alike[pairs], dtype=torch.float32)
            loss = torch.nn.functional.mse_loss((one * other).sum(-1), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


MODELS: dict[str, Fit] = {
    "TF-IDF": tfidf,
    "MiniLM, fine-tuned": fine_tuned,
    "MiniLM's embeddings, logistic regression": embedded,
    "MiniLM after contrast, logistic regression": warmed_up,
}


def report(scores: pd.DataFrame) -> None:
    newest = scores[scores["data"] == scores["data"].iloc[-1]]
    print("| model | " + " | ".join(f"{count} of each label" for count in PER_LABEL) + " | seconds |")
    print("| --- |" + " --- |" * (len(PER_LABEL) + 1))
    for name in MODELS:
        of_model = newest[newest["model"] == name]
        cells = []
        for count in PER_LABEL:
            found = of_model[of_model["per_label"] == count]["macro_f1"]
            cells.append(f"{found.mean():.3f} (SD {found.std():.3f}, {len(found)} draws)" if len(found) > 1 else "")
        seconds = of_model.groupby("per_label")["seconds"].median()
        print(f"| {name} | " + " | ".join(cells) + " | " + ", ".join(f"{value:.0f}" for value in seconds) + " |")
    print("\nmacro-F1 on the test fold; SD over draws of the training statements and seeds; always neutral: 0.20")


if __name__ == "__main__":
    main()
