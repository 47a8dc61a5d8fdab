"""`runner invoke`: what is sent, and how the answer is shown."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from runner.workspace import Response

from .conftest import Run
from .memory import MemoryWorkspace

BODY = b'{"input_data": [[1, 2]]}'


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    (tmp_path / "request.json").write_bytes(BODY)
    return "request.json"


def test_the_body_is_sent_as_it_is_and_the_answer_shown_as_it_came(
    run: Run, workspace: MemoryWorkspace, request_file: str
) -> None:
    result = run("invoke", "diabetes-online", request_file)
    assert workspace.requests == [("diabetes-online", BODY, None)]
    assert (result.status, result.out) == (0, "[0, 1]\n")
    assert result.err == "blue answered 200 in 12 ms\n"


def test_a_deployment_can_be_named_and_an_environment(
    run: Run, workspace: MemoryWorkspace, request_file: str
) -> None:
    run("invoke", "diabetes-online", request_file, "--deployment", "green", "--env", "dev")
    assert workspace.requests[0][2] == "green"
    assert workspace.environment == "dev"


def test_a_dash_is_stdin(
    run: Run, workspace: MemoryWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BODY)))
    assert run("invoke", "diabetes-online", "-").status == 0
    assert workspace.requests[0][1] == BODY


@pytest.mark.parametrize(
    ("body", "shown"), [(b'{"predictions": [1]}', {"predictions": [1]}), (b"oh", "oh"), (b"", "")]
)
def test_json_has_the_answer_and_what_is_known_of_it(
    run: Run, workspace: MemoryWorkspace, request_file: str, body: bytes, shown: object
) -> None:
    workspace.response = Response(200, body, "text/plain", "green", 0.5)
    result = run("invoke", "diabetes-online", request_file, "-o", "json")
    assert json.loads(result.out) == {
        "status": 200,
        "deployment": "green",
        "seconds": 0.5,
        "body": shown,
    }


@pytest.mark.parametrize(
    ("status", "meaning"), [(400, "Bad Request"), (424, "Failed Dependency"), (503, "Service")]
)
def test_an_answer_that_is_an_error_is_shown_and_fails_the_command(
    run: Run, workspace: MemoryWorkspace, request_file: str, status: int, meaning: str
) -> None:
    workspace.response = Response(status, b'{"message": "no"}\n', "application/json", None, 0.001)
    result = run("invoke", "diabetes-online", request_file)
    assert (result.status, result.out) == (1, '{"message": "no"}\n')
    first, second = result.err.splitlines()
    assert first == f"no deployment answered {status} in 1 ms"
    assert second.startswith(f"error: endpoint 'diabetes-online' answered {status} ({meaning}")


def test_what_the_endpoint_says_of_its_models_error_is_told(
    run: Run, workspace: MemoryWorkspace, request_file: str
) -> None:
    workspace.response = Response(424, b"no", "text/plain", "blue", 0.1, "500 model_error")
    told = run("invoke", "diabetes-online", request_file).err
    assert "answered 424 (Failed Dependency), its model 500 model_error; its answer" in told


def test_the_models_own_status_is_told_instead_where_that_is_asked_for(
    run: Run, workspace: MemoryWorkspace, request_file: str
) -> None:
    workspace.response = Response(424, b"no", "text/plain", "blue", 0.1, "500 model_error")
    told = run("invoke", "diabetes-online", request_file, "--container-status").err
    assert "answered 500 (Internal Server Error); its answer says why" in told
    workspace.response = Response(201, b"yes", "text/plain", "blue", 0.1)
    assert run("invoke", "diabetes-online", request_file, "--container-status").status == 0


def test_a_status_nobody_knows_is_an_error_too(
    run: Run, workspace: MemoryWorkspace, request_file: str
) -> None:
    workspace.response = Response(599, b"\xff", "", "blue", 0.001)
    result = run("invoke", "diabetes-online", request_file)
    assert (result.status, result.out) == (1, "\\xff\n")
    assert "answered 599;" in result.err


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "request.json:1:1: not JSON: Expecting value"),
        (b'{\n  "a": 1,\n  b\n}', "request.json:3:3: not JSON"),
        (b'{"a": "\xff"}', "request.json: byte 7 is not UTF-8 text"),
        (b"\xef\xbb\xbf{}", "request.json:1:1: not JSON: Unexpected UTF-8 BOM"),
        (b"[" * 100_000, "request.json: JSON nested too deep"),
    ],
)
def test_a_request_that_is_not_json_is_not_sent(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path, body: bytes, reason: str
) -> None:
    (tmp_path / "request.json").write_bytes(body)
    result = run("invoke", "diabetes-online", "request.json")
    assert result.status == 2
    assert result.err.startswith(f"error: {reason}")
    assert result.err.count("\n") == 1
    assert workspace.requests == []


def test_a_request_file_that_is_missing_or_a_folder_is_wrong_usage(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("nowhere.json", "folder"):
        result = run("invoke", "diabetes-online", name)
        assert result.status == 2
        assert name in result.err


def test_an_endpoint_that_is_not_there_is_not_found(run: Run, request_file: str) -> None:
    assert run("invoke", "nowhere", request_file).status == 3
