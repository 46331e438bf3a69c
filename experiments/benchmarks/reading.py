"""What every benchmark's reader shares: files held to their hash, rows in the form of a user's labelled file."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ukraine_stance.corpus.splits import TEST_FOLD, VALIDATION_FOLD, normalised
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_file, sha256_json

# The official split as the column `fold` of a labelled file has it.
FOLDS = {"test": TEST_FOLD, "validation": VALIDATION_FOLD, "train": VALIDATION_FOLD + 1}


def verified(folder: Path, names: Sequence[str], expected: str, state: str) -> None:
    """Hold the files, by their paths in `folder`, to one SHA-256 over all of theirs.

    Raises UserMistake naming a file that is missing, or the state of the repository that the figures are for.
    """
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise UserMistake(f"{folder / missing[0]}: missing; give the folder of a clone of {state}")
    if sha256_json([[name, sha256_file(folder / name)] for name in sorted(names)]) != expected:
        raise UserMistake(f"{folder}: its files are not those of {state}; check that state out")


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
    """Columns of a labelled file; rows have text, label, target and part."""
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
