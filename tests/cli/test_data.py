from __future__ import annotations

from pathlib import Path

import pytest

from runner.workspace import Registration

from .conftest import Run
from .memory import MemoryWorkspace


def test_register_reads_a_declaration(run: Run, workspace: MemoryWorkspace, tmp_path: Path) -> None:
    (tmp_path / "data.yml").write_text("name: patients\npath: .\ntype: uri_folder\n")
    assert run("data", "register", "data.yml").status == 0
    assert workspace.registrations == [("data", Registration("patients", tmp_path, "uri_folder"))]


@pytest.mark.parametrize(("path", "type_"), [(".", "uri_folder"), ("a.csv", "uri_file")])
def test_a_path_says_its_own_type(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path, path: str, type_: str
) -> None:
    (tmp_path / "a.csv").write_text("1\n")
    run("data", "register", "--name", "patients", path)
    assert workspace.registrations[0][1].type == type_


def test_data_has_no_from_job(run: Run) -> None:
    result = run("data", "register", "--from-job", "job-1")
    assert result.status == 2
    assert "--from-job" in result.err


def test_list_show_and_download_are_of_data(
    run: Run, workspace: MemoryWorkspace, tmp_path: Path
) -> None:
    run("models", "register", "--name", "model", str(tmp_path))
    run("data", "register", "--name", "patients", str(tmp_path))
    assert [line.split()[0] for line in run("data", "list").out.splitlines()[1:]] == ["patients"]
    assert "azureml:patients:1\n" in run("data", "show", "patients").out
    assert run("data", "show", "model").status == 3
    run("data", "download", "patients")
    assert workspace.downloads == [("azureml:patients:1", Path("patients"))]
