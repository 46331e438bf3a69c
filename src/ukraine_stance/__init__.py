"""Measure stance toward support for Ukraine in news statements.

`load_model(path).predict(["..."])` is the door from Python; the command line is `stance`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ukraine_stance.classifier import StanceClassifier

__all__ = ["load_model"]


def load_model(model: str | Path, root: str | Path = ".") -> "StanceClassifier":
    """A trained model from a run folder, `runs:/ID` or `models:/NAME@ALIAS` of the project at `root`.

    Raises errors.UserMistake when there is no such model or its files were changed.
    """
    from ukraine_stance import classifier, tracking
    from ukraine_stance.project import Project

    return classifier.load(tracking.model_folder(Project(Path(root).resolve()), str(model)))
