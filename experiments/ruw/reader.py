"""RUW: tweets on the war, each labelled toward Russia and toward Ukraine."""

from pathlib import Path

import pandas as pd

_PARTS = {"train": "train", "val": "validation", "test": "test"}
FILES = tuple(f"raw_{short}_Russia_Ukraine.csv" for short in _PARTS)
_LABELS = {"FAVOR": "favor", "AGAINST": "against", "NONE": "neutral"}


def read(folder: Path, target: str = "Ukraine") -> pd.DataFrame:
    """Rows with text, label, target and part, toward one of the two targets. The files are gb18030."""
    number = {"Russia": 1, "Ukraine": 2}[target]
    frames = []
    for name, part in zip(FILES, _PARTS.values(), strict=True):
        table = pd.read_csv(folder / name, encoding="gb18030", dtype=str)
        frames.append(
            pd.DataFrame(
                {
                    "text": table["Tweet"].str.strip(),
                    "label": table[f"Stance {number}"].map(_LABELS),
                    "target": table[f"Target {number}"],
                    "part": part,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)
