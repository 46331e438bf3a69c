"""The registered model as code: MLflow runs this file where a model is loaded through pyfunc."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PythonModel, PythonModelContext

if TYPE_CHECKING:
    from ukraine_stance.classifier import StanceClassifier

# Set by MLflow's server and by `mlflow models predict`; Spark, which may cut a job so that a batch of one empty row is
# left, sets it not.
_SERVING = "_MLFLOW_IS_IN_SERVING_ENVIRONMENT"


class StanceModelWrapper(PythonModel):
    """Frame with a column `text` in, the same rows with the output columns of a scored file out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model with our own loader: hashes and golden batch are checked."""
        from ukraine_stance import classifier

        self._classifier = classifier.load(Path(context.artifacts["description"]).parent)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """As many rows as came in, in their order.

        A row without text (or, for a model of several targets, without target) has an empty stance and no
        probabilities, so that it does not cost the others their answer; a request that holds no other row is refused.
        Raises MlflowException, which a server answers with 400, for what is no such frame.
        """
        from ukraine_stance.errors import UserMistake

        try:
            frame = pd.DataFrame(model_input)
        except (ValueError, TypeError) as fault:
            raise _refused(f"the input is no table ({str(fault).splitlines()[0]})") from fault
        good = _answerable(frame, self._classifier)
        serving = os.environ.get(_SERVING, "").lower() == "true"
        if serving and not good.any():
            raise _refused("no row has a text with words in it")
        try:
            scored = _scored(frame, good, self._classifier)
        except UserMistake as fault:
            raise _refused(str(fault)) from fault
        if len(scored) != len(frame):
            raise RuntimeError(f"{len(frame)} rows in, {len(scored)} rows out")
        return _without_nan(scored) if serving else scored


def _answerable(frame: pd.DataFrame, classifier: "StanceClassifier") -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which rows have what the model needs, (n,); what is no string is left for the classifier to refuse by name."""
    needed = ["text", "target"] if len(classifier.targets) > 1 and "target" in frame else ["text"]
    if list(frame.columns).count("text") != 1:
        raise _refused(
            f"not one column 'text' (columns: {', '.join(map(str, frame.columns)) or 'none'}); send "
            '{"dataframe_records": [{"text": "..."}]}, or in Spark struct("text")'
        )
    good = np.ones(len(frame), dtype=np.bool_)
    for name in needed:
        blank = [isinstance(cell, str) and not cell.strip() for cell in frame[name]]
        good &= ~(frame[name].isna().to_numpy() | np.asarray(blank, dtype=np.bool_))
    return good


def _scored(
    frame: pd.DataFrame, good: "np.ndarray[Any, np.dtype[np.bool_]]", classifier: "StanceClassifier"
) -> pd.DataFrame:
    from ukraine_stance.classifier import OUTPUT_COLUMNS

    if good.all():
        return classifier.predict(frame)
    numbered = frame.set_axis(range(len(frame)))
    scored = classifier.predict(numbered[good])[list(OUTPUT_COLUMNS)].reindex(numbered.index)
    for name, value in {"stance": "", "truncated": False, "model_id": classifier.model_id}.items():
        scored[name] = scored[name].where(good, value).astype(type(value))
    return frame.assign(**{name: scored[name].set_axis(frame.index) for name in OUTPUT_COLUMNS})


def _without_nan(frame: pd.DataFrame) -> pd.DataFrame:
    """None for what is missing: a server would send nan as NaN, which is no JSON."""
    holed = {name: column.astype(object) for name, column in frame.items() if column.isna().any()}
    return frame.assign(**{str(name): column.where(column.notna(), None) for name, column in holed.items()})


def _refused(why: str) -> MlflowException:
    return MlflowException.invalid_parameter_value(why)


mlflow.models.set_model(StanceModelWrapper())
