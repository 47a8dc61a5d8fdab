from __future__ import annotations

from pathlib import Path

import pytest

from runner.azureml.storage import storage_of
from runner.azureml.workspace import AzureWorkspace
from runner.errors import EnvironmentRefused, WrongUsage
from tests.azureml.stage import Stage, change_before_sending


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "score.py").write_text("def run(batch): ...\n")
    return folder


def test_a_folder_of_code_is_registered_where_its_files_lie(
    stored: Stage, workspace: AzureWorkspace, name: str, code: Path
) -> None:
    assert workspace.register_code(name, code) == f"azureml:{name}:1"
    _, found = stored.emulator.arm("GET", f"{stored.workspace_id}/codes/{name}/versions/1")
    uri, digest = found["properties"]["codeUri"], found["properties"]["tags"]["content_hash"]
    container = storage_of(workspace._connection).container("workspaceblobstore")
    assert uri == f"{container.url.partition('?')[0]}/LocalUpload/{digest}/script"
    path = f"LocalUpload/{digest}/script/score.py"
    assert container.download_blob(path).readall() == (code / "score.py").read_bytes()


def test_the_same_code_keeps_its_version_whatever_python_left_beside_it(
    workspace: AzureWorkspace, name: str, code: Path
) -> None:
    first = workspace.register_code(name, code)
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "score.cpython-311.pyc").write_bytes(b"x")
    assert workspace.register_code(name, code) == first
    (code / "score.py").write_text("def run(batch): return batch\n")
    assert workspace.register_code(name, code) == f"azureml:{name}:2"
    (code / "score.py").write_text("def run(batch): ...\n")
    assert workspace.register_code(name, code) == first


def test_what_the_ignore_file_leaves_out_is_not_sent(
    stored: Stage, workspace: AzureWorkspace, name: str, code: Path
) -> None:
    (code / ".gitignore").write_text(".env\n.venv/\n")
    first = workspace.register_code(name, code)
    (code / ".venv" / "lib").mkdir(parents=True)
    (code / ".venv" / "lib" / "site.py").touch()
    (code / ".env").write_text("SECRET=1")
    assert workspace.register_code(name, code) == first
    _, found = stored.emulator.arm("GET", f"{stored.workspace_id}/codes/{name}/versions/1")
    digest = found["properties"]["tags"]["content_hash"]
    blobs = (
        storage_of(workspace._connection)
        .container("workspaceblobstore")
        .list_blobs(name_starts_with=f"LocalUpload/{digest}/")
    )
    sent = [blob.name.removeprefix(f"LocalUpload/{digest}/script/") for blob in blobs]
    assert sent == [".gitignore", "score.py"]


def test_a_file_is_no_folder_of_code(workspace: AzureWorkspace, name: str, code: Path) -> None:
    with pytest.raises(WrongUsage, match=r"score\.py is a file: name the folder"):
        workspace.register_code(name, code / "score.py")


def test_code_that_changes_while_it_is_being_sent_is_not_registered(
    workspace: AzureWorkspace, name: str, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code / "score.py").write_text(f"# {name}\n")  # which no other test has sent
    with monkeypatch.context() as patched:
        change_before_sending(patched, code / "score.py")
        with pytest.raises(EnvironmentRefused, match="script changed while it was being sent"):
            workspace.register_code(name, code)
    assert workspace.register_code(name, code) == f"azureml:{name}:1"
