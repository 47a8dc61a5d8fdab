"""azure-ai-ml as the runner uses it: it writes, the runner sends, and the terminal stays clean."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.azureml.connection import Connection
from runner.azureml.sdk import create, import_sdk, ml_client, said_by, translated_sdk_errors
from runner.declarations.document import read_document
from runner.declarations.problem import DeclarationError
from runner.errors import EnvironmentRefused, WrongUsage
from tests.azureml.stage import Stage
from tests.emulator.faults import Answer, Drop, ExpireTokens, Fault
from tests.projects import ROOT

IMPORTED = """
import gc, logging, sys, warnings
from runner.azureml.sdk import import_sdk, translated_sdk_errors
from runner.azure.sdk_logs import tame_loggers
tame_loggers()
with translated_sdk_errors("read"):
    from azure.ai.ml import load_environment
    warnings.warn("old", DeprecationWarning)
    logging.getLogger("azure.ai.ml").warning("Class X: This is an experimental class")
    load_environment(sys.argv[1])
assert gc.isenabled()
logging.basicConfig(stream=sys.stdout, level=logging.DEBUG, format="%(message)s")
logging.getLogger("azure.ai.ml.operations._job_operations").debug("https://x.blob.core/y?sig=secret&se=1")
"""


def environment(name: str, **given: Any) -> Any:
    import_sdk()
    from azure.ai.ml.entities import Environment

    with translated_sdk_errors("make an environment"):
        return Environment(name=name, version="1", **(given or {"image": "registry/image:1"}))


def created(connection: Connection, name: str, **given: Any) -> Any:
    entity = environment(name, **given)
    path = ("environments", name, "versions", "1")
    answer = create(connection, path, lambda client: client.environments.create_or_update(entity))
    return answer.json()["properties"]


def test_nothing_of_it_reaches_the_terminal_and_its_log_holds_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text("name: e\nversion: 1\nimage: registry/image:1\n")
    ended = subprocess.run(
        [sys.executable, "-W", "always", "-c", IMPORTED, str(file)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "https://x.blob.core/y?sig=***&se=1\n"


def test_without_it_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "azure.ai", None)
    for name in [name for name in sys.modules if name.startswith("azure.ai.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(EnvironmentRefused, match=r"/azure(\.txt)?`$"):
        import_sdk()
    assert gc.isenabled()


def test_it_writes_what_the_runner_sends(stage: Stage) -> None:
    connection = Connection(stage.outputs())
    assert created(connection, "packages")["image"] == "registry/image:1"
    assert ml_client(connection) is ml_client(connection)


def test_a_private_cloud_is_not_described_again_at_each_call(stage: Stage) -> None:
    connection = Connection(stage.outputs())
    created(connection, "first")
    before = len(stage.emulator.requests)
    created(connection, "second")
    asked = [request.path for request in list(stage.emulator.requests)[before:]]
    assert not [path for path in asked if "metadata" in path]
    assert len(asked) == 1


@pytest.mark.parametrize(
    "fault", [Drop("before"), Drop("after"), ExpireTokens(), Answer(503, "Busy", "later")]
)
def test_what_it_writes_is_sent_through_trouble(stage: Stage, fault: Fault) -> None:
    connection = Connection(stage.outputs())
    stage.emulator.faults.inject(fault, method="PUT", path="*/environments/*")
    assert created(connection, "troubled")["image"] == "registry/image:1"
    assert len(stage.emulator.faults.injected) == 1


def test_what_azure_refuses_is_said_in_one_line_with_a_way_out(stage: Stage) -> None:
    connection = Connection(stage.outputs())
    said = "Bearer abcdefghijkl can't"
    stage.emulator.faults.inject(Answer(403, "Forbidden", said), path="*/environments/*")
    with pytest.raises(EnvironmentRefused) as refused:
        created(connection, "refused")
    assert "needs a role such as 'AzureML Data Scientist'" in str(refused.value)
    assert "abcdefghijkl" not in str(refused.value)


def test_a_file_that_it_would_send_itself_is_refused_at_once(stage: Stage, tmp_path: Path) -> None:
    import_sdk()
    from azure.ai.ml.entities import BuildContext

    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(EnvironmentRefused, match="would send files of this machine itself"):
        created(Connection(stage.outputs()), "sent", build=BuildContext(path=tmp_path))


def test_what_it_would_name_otherwise_is_refused(stage: Stage) -> None:
    connection, entity = Connection(stage.outputs()), environment("asked")
    with pytest.raises(EnvironmentRefused, match=r"asked/versions/1 in place of "):
        create(
            connection,
            ("environments", "other", "versions", "1"),
            lambda client: client.environments.create_or_update(entity),
        )


def test_its_own_refusals_are_mistakes_of_the_declaration(tmp_path: Path) -> None:
    import_sdk()
    from azure.ai.ml import load_job

    file = tmp_path / "job.yml"
    file.write_text(
        "type: command\ncommand: 'true'\ncomand: x\nlimits: {timeout: soon}\n"
        "environment: azureml:e:1\n"
    )
    with pytest.raises(WrongUsage) as refused, translated_sdk_errors("read job.yml"):
        load_job(file)
    text = str(refused.value)
    assert text.startswith("can't read job.yml: ")
    assert "comand: Unknown field" in text
    assert "limits.timeout: Not a valid integer" in text
    assert "\n" not in text
    assert "aka.ms" not in text
    with (
        pytest.raises(DeclarationError) as placed,
        translated_sdk_errors("read it", read_document(file)),
    ):
        load_job(file)
    assert {(problem.line, problem.key, problem.text) for problem in placed.value.problems} == {
        (3, "comand", "Unknown field"),
        (4, "limits.timeout", "Not a valid integer"),
    }


def test_what_it_stumbles_over_is_an_error_of_one_line() -> None:
    fails = "can't read it: azure-ai-ml fails on it"
    with pytest.raises(EnvironmentRefused, match=fails), translated_sdk_errors("read it"):
        raise AttributeError("'NoneType' object\nhas no attribute 'id'")


def test_a_message_that_is_no_json_is_kept() -> None:
    assert said_by(ValueError("found {a: 1}\n?sig=abc")) == "found {a: 1} ?sig=***"


def test_its_import_asks_no_cloud_for_anything() -> None:
    script = (
        "import os; from runner.azureml.sdk import import_sdk; import_sdk();"
        " print(os.environ['AZUREML_CURRENT_CLOUD'])"
    )
    nowhere = {"ARM_CLOUD_METADATA_URL": "https://127.0.0.1:1/", "AZUREML_CURRENT_CLOUD": "Nowhere"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Nowhere\n"), done.stderr
