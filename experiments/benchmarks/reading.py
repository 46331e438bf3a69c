"""What every benchmark's reader shares: files held to their hashes, rows in the form of a labelled file of the user's."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ukraine_stance.corpus.splits import TEST_FOLD, VALIDATION_FOLD, normalised
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_file

# The official split as the column `fold` of a labelled file has it.
FOLDS = {"test": TEST_FOLD, "validation": VALIDATION_FOLD, "train": VALIDATION_FOLD + 1}


def verified(folder: Path, files: Mapping[str, str]) -> None:
    """Hold every file, by its path in `folder`, to its SHA-256. Raises UserMistake naming the first that differs."""
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise UserMistake(f"{path}: missing; give the folder of a clone that holds it")
        if sha256_file(path) != expected:
            raise UserMistake(f"{path}: not the file that the published figures are for; clone the state named above")


def without_repeats(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows but for those whose text the test holds too, or the validation part, and repeats of a pair in training.

    The test stays as published, whole. Of a text and target that repeat inside a part that is learned from, the first
    row stays: its labels differ in some.
    """
    keys = rows["text"].map(normalised)
    drop = pd.Series(False, index=rows.index)
    for held, learned in (("test", ("validation", "train")), ("validation", ("train",))):
        known = set(keys[rows["part"] == held])
        drop |= rows["part"].isin(learned) & keys.isin(known)
    doubled = pd.DataFrame({"text": keys, "target": rows["target"], "part": rows["part"]}).duplicated()
    return rows[~(drop | (doubled & (rows["part"] != "test")))].reset_index(drop=True)


def as_labelled(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns of a labelled file; rows have text, label, target and part. The same text is one group."""
    numbers = rows.groupby("part").cumcount()
    return pd.DataFrame(
        {
            "id": rows["part"] + "-" + numbers.astype(str),
            "text": rows["text"],
            "label": rows["label"],
            "target": rows["target"],
            "fold": rows["part"].map(FOLDS),
        }
    )
