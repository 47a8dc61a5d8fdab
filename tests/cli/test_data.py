from __future__ import annotations

from pathlib import Path

import pytest

from runner.workspace import Registration
from tests.projects import ScratchProject

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


def test_content_that_has_an_older_version_says_how_to_make_it_the_latest(
    project: ScratchProject,
) -> None:
    file = project.root / "lines.csv"
    register = ("data", "register", "--name", "mine", "--path", str(file))
    for content in ("one\n", "two\n"):
        file.write_text(content)
        assert project.run(*register).stderr == ""
    file.write_text("one\n")
    assert project.run(*register).stderr == (
        "warning: azureml:mine:1 has this content already, and @latest is azureml:mine:2:"
        " give --version to make it the latest\n"
    )
    assert project.run(*register, "--version", "3").returncode == 0
    assert "azureml:mine:3" in project.run("data", "show", "mine").stdout
