"""SemEval-2016 task 6 A as TweetEval splits it: five targets, tweets, labels favor, against and none."""

from pathlib import Path

import pandas as pd

_FOLDER = "datasets/stance"
# The organisers' own words for the targets.
TARGETS = {
    "abortion": "Legalization of Abortion",
    "atheism": "Atheism",
    "climate": "Climate Change is a Real Concern",
    "feminist": "Feminist Movement",
    "hillary": "Hillary Clinton",
}
_LABELS = {"0": "neutral", "1": "against", "2": "favor"}  # mapping.txt: none, against, favor
_PARTS = {"train": "train", "val": "validation", "test": "test"}
FILES = tuple(
    f"{_FOLDER}/{name}/{short}_{kind}.txt" for name in TARGETS for short in _PARTS for kind in ("text", "labels")
)


def read(folder: Path) -> pd.DataFrame:
    """Rows with text, label, target and part."""
    frames = []
    for name, target in TARGETS.items():
        for short, part in _PARTS.items():
            texts, labels = (_lines(folder / _FOLDER / name / f"{short}_{kind}.txt") for kind in ("text", "labels"))
            pairs = zip(texts, labels, strict=True)
            rows = [{"text": text.strip(), "label": _LABELS[label.strip()]} for text, label in pairs]
            frames.append(pd.DataFrame(rows).assign(target=target, part=part))
    return pd.concat(frames, ignore_index=True)


def _lines(path: Path) -> list[str]:
    """Lines by line feeds alone: a tweet may hold other signs that end lines."""
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
