"""What others score with: trained on the training folds by their documented ways, timed from Parquet to Parquet.

    PYTHON -m pip install spacy sentence-transformers setfit onnx onnxruntime onnxscript pyarrow

Called by `scoring_speed.py --peers PYTHON`, with a Python of its own, since these packages are none of ours. DIR holds
labelled.parquet (text, target, label, fold) and statements.parquet (text); `--train` makes DIR/peers and tells the
macro-F1 of each on the test fold, `--way NAME` scores the statements.

spaCy trains its default text categoriser, and the bag of words that it advises for speed, for 10 epochs in growing
batches; sentence-transformers' embeddings of the pretrained MiniLM get a logistic regression; SetFit's contrast is cut
after 100 steps. ONNX Runtime computes the fine-tuned network of RUN, sorted by length in batches of 32. None but that
reads the target. Nothing is tuned.
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

LABELS = ("favor", "against", "neutral")
SEED = 7
EPOCHS = 10
SETFIT_STEPS = 100
MAX_TOKENS = 128

Score = Callable[[list[str]], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", nargs=2, type=Path, metavar=("PRETRAINED", "FINE_TUNED"))
    parser.add_argument("--way", choices=WAYS)
    given = parser.parse_args()
    if given.way:
        print(json.dumps(timed(given.folder, given.way)))
        return
    labelled = pd.read_parquet(given.folder / "labelled.parquet")
    train, test = labelled[labelled["fold"] > 1], labelled[labelled["fold"] == 0]
    for way, (make, load) in WAYS.items():
        place = given.folder / "peers" / way
        if not (place / "done").exists():
            place.mkdir(parents=True, exist_ok=True)
            began = time.perf_counter()
            make(train, place, *given.train)
            seconds = time.perf_counter() - began
            found = load(place)(list(test["text"])).argmax(1)
            score = f1_score(test["label"], [LABELS[column] for column in found], average="macro")
            (place / "done").write_text(json.dumps({"macro_f1": score, "training_seconds": seconds}))
    print(json.dumps({way: json.loads((given.folder / "peers" / way / "done").read_text()) for way in WAYS}))


def timed(folder: Path, way: str) -> dict[str, float]:
    score = WAYS[way][1](folder / "peers" / way)
    score(["The delegations met for three hours and left without a statement."] * 32)
    began, busy = time.perf_counter(), time.process_time()
    table = pq.read_table(folder / "statements.parquet")
    found = score(table.column("text").to_pylist())
    labels = pa.array([LABELS[column] for column in found.argmax(1)])
    given = table.append_column("stance", labels).append_column("confidence", pa.array(found.max(1)))
    pq.write_table(given, folder / f"{way}.parquet")
    spent = {"seconds": time.perf_counter() - began, "core_seconds": time.process_time() - busy}
    return {**spent, "statements": table.num_rows}


def spacy_of(config: dict[str, object]) -> tuple[Callable[..., None], Callable[[Path], Score]]:
    def make(train: pd.DataFrame, place: Path, *_: Path) -> None:
        import spacy
        from spacy.training import Example
        from spacy.util import compounding, fix_random_seed, minibatch

        fix_random_seed(SEED)
        nlp = spacy.blank("en")
        nlp.add_pipe("textcat", config=config)
        examples = [
            Example.from_dict(nlp.make_doc(text), {"cats": {name: float(name == label) for name in LABELS}})
            for text, label in zip(train["text"], train["label"], strict=True)
        ]
        optimizer = nlp.initialize(lambda: examples)
        for _ in range(EPOCHS):
            random.shuffle(examples)
            for batch in minibatch(examples, compounding(4.0, 32.0, 1.001)):
                nlp.update(batch, sgd=optimizer, drop=0.2)
        nlp.to_disk(place / "model")

    def load(place: Path) -> Score:
        import spacy

        nlp = spacy.load(place / "model")
        return lambda texts: np.array([[doc.cats[name] for name in LABELS] for doc in nlp.pipe(texts)])

    return make, load


def sentence_encoder(folder: Path):  # noqa: ANN201
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    body = Transformer(str(folder), max_seq_length=MAX_TOKENS)
    return SentenceTransformer(modules=[body, Pooling(384, "mean"), Normalize()], device="cpu")


def make_embedded(train: pd.DataFrame, place: Path, pretrained: Path, _: Path) -> None:
    encoder = sentence_encoder(pretrained)
    head = LogisticRegression(max_iter=2000, class_weight="balanced", C=10.0)
    head.fit(encoder.encode(list(train["text"])), [LABELS.index(label) for label in train["label"]])
    encoder.save(str(place / "model"))
    np.savez(place / "head.npz", weights=head.coef_.T, bias=head.intercept_)


def load_embedded(place: Path) -> Score:
    from sentence_transformers import SentenceTransformer

    encoder, head = SentenceTransformer(str(place / "model"), device="cpu"), np.load(place / "head.npz")
    return lambda texts: softmax(encoder.encode(texts) @ head["weights"] + head["bias"])


def make_setfit(train: pd.DataFrame, place: Path, pretrained: Path, _: Path) -> None:
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    head = LogisticRegression(max_iter=2000, class_weight="balanced")
    model = SetFitModel(model_body=sentence_encoder(pretrained), model_head=head)
    rows = Dataset.from_dict({"text": list(train["text"]), "label": [LABELS.index(label) for label in train["label"]]})
    how = TrainingArguments(
        output_dir=str(place / "training"), batch_size=16, num_iterations=2, max_steps=SETFIT_STEPS, seed=SEED,
        report_to="none", save_strategy="no",
    )  # fmt: skip
    Trainer(model=model, args=how, train_dataset=rows).train()
    model.save_pretrained(str(place / "model"))


def load_setfit(place: Path) -> Score:
    from setfit import SetFitModel

    model = SetFitModel.from_pretrained(str(place / "model"))
    return lambda texts: np.asarray(model.predict_proba(texts, as_numpy=True))


def onnx_of(int8: bool) -> tuple[Callable[..., None], Callable[[Path], Score]]:
    def make(train: pd.DataFrame, place: Path, _: Path, fine_tuned: Path) -> None:
        import torch
        from onnxruntime.quantization import quantize_dynamic
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        network = AutoModelForSequenceClassification.from_pretrained(fine_tuned, attn_implementation="eager").eval()
        tokenizer = AutoTokenizer.from_pretrained(fine_tuned)
        names = ["input_ids", "attention_mask", "token_type_ids"]
        given = tokenizer(list(train["text"][:2]), list(train["target"][:2]), padding=True, return_tensors="pt")
        axes = {name: {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens", max=512)} for name in names}
        torch.onnx.export(
            network, kwargs={name: given[name] for name in names}, f=str(place / "fp32.onnx"), dynamic_shapes=axes,
            input_names=names, output_names=["logits"], external_data=False,
        )  # fmt: skip
        if int8:
            quantize_dynamic(place / "fp32.onnx", place / "int8.onnx")
        tokenizer.save_pretrained(place)
        (place / "target").write_text(train["target"].iloc[0])

    def load(place: Path) -> Score:
        import onnxruntime
        from transformers import AutoTokenizer

        session = onnxruntime.InferenceSession(place / ("int8.onnx" if int8 else "fp32.onnx"))
        tokenizer, target = AutoTokenizer.from_pretrained(place), (place / "target").read_text()

        def score(texts: list[str]) -> np.ndarray:
            order = np.argsort([len(text) for text in texts])
            found = np.empty((len(texts), len(LABELS)))
            for at in range(0, len(texts), 32):
                rows = order[at : at + 32]
                batch = tokenizer(
                    [texts[row] for row in rows], [target] * len(rows), padding=True, truncation="only_first",
                    max_length=MAX_TOKENS, return_tensors="np",
                )  # fmt: skip
                found[rows] = softmax(session.run(None, dict(batch))[0])
            return found

        return score

    return make, load


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


BAG = {
    "model": {
        "@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1, "no_output_layer": False,
        "length": 262144,
    }
}  # fmt: skip

WAYS: dict[str, tuple[Callable[..., None], Callable[[Path], Score]]] = {
    "spaCy textcat": spacy_of({}),
    "spaCy textcat, bag of words": spacy_of(BAG),
    "sentence-transformers, linear head": (make_embedded, load_embedded),
    "SetFit": (make_setfit, load_setfit),
    "onnxruntime fp32": onnx_of(int8=False),
    "onnxruntime dynamic int8": onnx_of(int8=True),
}

if __name__ == "__main__":
    main()
