"""Neither the terminal nor a log shows a key, a signature or a token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.azureml.stage import Stage
from tests.emulator.faults import Answer, Drop, ExpireTokens, Fault, forbidden
from tests.projects import ROOT

_TOKEN = re.compile(r"eyJ[\w-]{10,}")
_SIGNATURE = re.compile(r"sig=[\w%]{10,}")
_BEARER = re.compile(r"Bearer [\w.-]{10,}")
ASKED = ("*/jobs/*", "*/deployments", "*/datastores")


@pytest.mark.parametrize(
    ("fault", "paths"),
    [
        (Drop("before"), ("/score",)),
        (ExpireTokens(), ASKED),
        (forbidden(), ASKED),
        (
            Answer(400, "Bad", "Authorization: Bearer abcdefghijkl https://a/b?sig=abcdefghijkl"),
            ASKED,
        ),
    ],
)
def test_no_secret_is_printed_whatever_goes_wrong(
    stage: Stage, tmp_path: Path, fault: Fault, paths: tuple[str, ...]
) -> None:
    actual = stage.online("diabetes-online")
    name = stage.job(stage.batch("diabetes-batch"), "Failed")
    outputs = stage.write(tmp_path)
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / "request.json").write_text('{"input_data": []}')
    path = f"{stage.workspace_id}/onlineEndpoints/{actual}/listKeys"
    key = stage.emulator.arm("POST", path)[1]["primaryKey"]
    for path in (*paths, "*/datastores"):
        stage.emulator.faults.inject(fault if path in paths else forbidden(), path=path, times=None)
    printed = ""
    for words in (
        ("jobs", "stream", name),
        ("endpoints", "list"),
        ("invoke", "diabetes-online", "request.json"),
        ("env", "doctor"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "runner", *words, "-v", "-e", "dev", "--outputs", outputs],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "RUNNER_TIMEOUT": "5"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        printed += ended.stdout + ended.stderr
    assert printed
    assert key not in printed
    assert stage.emulator.cloud.application.secret not in printed
    for pattern in (_TOKEN, _SIGNATURE, _BEARER):
        found = pattern.search(printed)
        assert not found, printed[max(0, found.start() - 1500) : found.end() + 50]
