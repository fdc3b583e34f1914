"""What MLflow makes a model of, whose folder has a copy of this file: ticket files, and the context that is asked for.

The package must be installed where the model is loaded; neither a project's folder nor its data are looked at.
"""

from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from rtl_core.errors import RtlError
from rtl_core.serving import Serving
from rtl_core.use.prediction import Values


class Refused(MlflowException):
    """What cannot be predicted, status 400; its line stands as it is, before which a server would write all inputs."""

    def __init__(self, line: str) -> None:
        super().__init__(line, INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> str:
        """The line."""
        return str(self.args[0])

    @message.setter
    def message(self, _: str) -> None:
        pass


class ServedTickets(PythonModel):
    """Ticket files as a model of MLflow: ``params={"context": …}`` names the context of all inputs.

    ``auto`` tells it, of each input by itself or, with ``"together": true``, of all that are of one context.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Read the ticket files; ``allow`` in the model's configuration names networks of your own that you trust."""
        allow = (context.model_config or {}).get("allow", ())
        self._serving = Serving.of_files(list(context.artifacts.values()), "model", allow)

    def predict(
        self, context: PythonModelContext, model_input: np.ndarray, params: dict[str, Any] | None = None
    ) -> pd.DataFrame | np.ndarray:
        """A table with a row for each example or, of quantities, float [N, …].

        Raises:
            Refused: the context or the inputs are not what the tickets take.
        """
        try:
            named = params or {}
            prediction = self._serving.answer(model_input, named.get("context"), bool(named.get("together", False)))
        except RtlError as problem:
            raise Refused(str(problem)) from None
        return prediction.values.numpy() if isinstance(prediction, Values) else pd.DataFrame(prediction.rows())


set_model(ServedTickets())
