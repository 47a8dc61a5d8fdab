"""Telling that MLflow's own check refused a model's input."""

from __future__ import annotations

from runner.engine.text import one_line

_LONGEST = 500  # characters of a refusal
# The functions of `mlflow.models.utils` and `mlflow.pyfunc` that hold an input against a signature.
_CHECKS = frozenset({"_enforce_schema", "_enforce_params_schema", "_validate_prediction_input"})


def refusal(error: BaseException) -> str | None:
    """Say in one line why MLflow refused the input by the model's signature, before the model was
    called, and leave out the input, which MLflow repeats. None for every other error.

    That is so of the file and stays so: "Model is missing inputs", "Incompatible input types". An
    MlflowException of the model's own code, or of a server it asks, may go away.
    """
    if type(error).__name__ != "MlflowException":
        return None
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        module = str(frame.f_globals.get("__name__"))
        if frame.f_code.co_name in _CHECKS and module.startswith("mlflow."):
            return one_line(str(error).rpartition("'. Error: ")[2])[:_LONGEST].removesuffix(".")
        trace = trace.tb_next
    return None
