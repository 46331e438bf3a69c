"""The registered model as code: MLflow runs this file where a model is loaded through pyfunc."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext


class StanceModelWrapper(PythonModel):
    """Frame with a column `text` in, the same rows with the output columns of a scored file out."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model with our own loader: hashes and golden batch are checked."""
        from ukraine_stance import classifier

        self._classifier = classifier.load(Path(context.artifacts["description"]).parent)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """As many rows as came in, in their order."""
        scored = self._classifier.predict(pd.DataFrame(model_input))
        if len(scored) != len(model_input):
            raise RuntimeError(f"{len(model_input)} rows in, {len(scored)} rows out")
        return scored


mlflow.models.set_model(StanceModelWrapper())
