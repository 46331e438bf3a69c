"""GWSD: sentences of news articles, labelled toward the claim that global warming is a serious concern."""

from pathlib import Path

import numpy as np
import pandas as pd

_FOLDER = "3_stance_detection/2_Stance_model/data"
FILES = (f"{_FOLDER}/sent_scores_df_final.tsv", f"{_FOLDER}/held_out_balanced_test.tsv")
_LABELS = {"agree": "favor", "disagree": "against", "neutral": "neutral"}
TARGET = "climate change is a serious concern"


def read(folder: Path) -> pd.DataFrame:
    """Rows with text, label, target and part; a label is the most probable one of the authors' model of eight raters.

    That is how the paper labels its sentences for training and test. The 200 held out are the test; there is no
    official validation part: every tenth sentence takes that place.
    """
    scores = pd.read_csv(folder / FILES[0], sep="\t", index_col=0)
    held_out = pd.read_csv(folder / FILES[1], sep="\t")
    names = scores["round"].astype(str) + "_" + scores["batch"].astype(str) + "_" + scores["sent_id"]
    tested = names.isin(set(held_out["guid"]))
    validated = np.arange(len(scores)) % 10 == 0
    return pd.DataFrame(
        {
            "text": scores["sentence"].str.strip(),
            "label": scores[list(_LABELS)].idxmax(axis=1).map(_LABELS),
            "target": TARGET,
            "part": np.select([tested, validated], ["test", "validation"], "train"),
        }
    )
