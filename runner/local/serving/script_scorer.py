"""A scoring script of an online deployment: `init()` once, `run(raw_data)` for each request.

Source: Microsoft's azureml-inference-server-http, which runs them on Azure.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner.engine.drivers.script_module import explain_within, import_script
from runner.errors import JobFailed
from runner.local.serving.answer import Answer
from runner.local.serving.bodies import BadRequest
from runner.local.serving.request import Request

_MODULE = "entry_module"  # what Azure names it


class ScriptScorer:
    """Runs a scoring script as Azure's online deployments do."""

    def __init__(self, code: Path, script: str) -> None:
        """Import the script, with `code` as working folder, and call its `init()`.

        Raises JobFailed when it can't be imported, lacks a function, or `init` raises.
        """
        path = code / script
        module = import_script(
            path,
            code,
            _MODULE,
            "a scoring script of an online deployment defines init() and run(raw_data)",
        )
        self._run: Callable[[str], Any] = module.run
        try:
            inspect.signature(self._run).bind("")
        except (TypeError, ValueError):
            raise JobFailed(f"script {path}: run() must take one value, the raw request") from None
        try:
            module.init()
        except BaseException as error:
            raise JobFailed(
                f"script {path}: init() raised {explain_within(path, error)}"
            ) from error

    def score(self, request: Request) -> Answer:
        """Call `run` with the body as text; what it returns is written as JSON."""
        try:
            text = request.body.decode()
        except UnicodeDecodeError as error:
            raise BadRequest(f"the body is not UTF-8 (byte {error.start})") from None
        returned = self._run(text)
        answer = {} if returned is None else returned
        return Answer(200, json.dumps(answer).encode(), by_model=True)
