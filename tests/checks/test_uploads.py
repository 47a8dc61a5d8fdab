"""Checks of what is sent to Azure, and of what an ignore file leaves out."""

from __future__ import annotations

import pytest

from runner.checks import uploads

from .conftest import Checked


def test_an_ignore_file_that_leaves_out_the_script(project: Checked) -> None:
    project.write("models/m/code/helper.py", "")
    project.write("models/m/code/.amlignore", "# ours\n*.pyc\nscore*\n")
    assert project.found() == ["left-out models/m/code/.amlignore:3"]
    assert "leaves out score.py, the script that Azure starts: take the pattern out" in (
        project.text()
    )


def test_an_ignore_file_that_leaves_out_a_file_of_the_model(project: Checked) -> None:
    project.write("models/m/model/.gitignore", "*.pkl\n")
    assert project.found() == ["left-out models/m/model/.gitignore:1"]
    assert "put an .amlignore beside it" in project.text()


def test_an_ignore_file_that_leaves_out_what_nobody_needs(project: Checked) -> None:
    project.write("models/m/code/.amlignore", "tests\n*.md\n!score.py\n")
    project.write("models/m/code/README.md", "")
    project.write("models/m/model/.amlignore", ".DS_Store\n__pycache__\n*input_example*\n")
    project.write("models/m/model/input_example.json", "{}")
    project.write("models/m/model/.DS_Store", "")
    assert project.found() == []


def test_an_ignore_file_that_leaves_out_a_dockerfile(project: Checked) -> None:
    project.write("models/m/image/Dockerfile", "FROM scratch\n")
    project.write("models/m/image/requirements.txt", "")
    project.write("models/m/image/.amlignore", "*.log\nDocker*\n")
    project.write(
        "models/m/environment.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
        "name: built\nbuild: {path: ./image}\n",
    )
    assert project.found() == ["left-out models/m/image/.amlignore:2"]
    project.write("models/m/image/.amlignore", "*.log\n")
    assert project.found() == []


def test_an_ignore_file_of_a_folder_above_has_no_say(project: Checked) -> None:
    project.write("models/m/.amlignore", "code\nmodel\n")
    assert project.found() == []


def test_a_link_out_of_the_code(project: Checked) -> None:
    (project.root / "models/m/code/shared.py").symlink_to(project.write("shared.py", ""))
    assert project.found() == [
        "upload models/m/batch-deployment.yml:6",
        "upload models/m/online-deployment.yml:6",
    ]
    assert "put a copy in its place" in project.findings()[0].text


def test_a_link_inside_the_code_is_followed(project: Checked) -> None:
    (project.root / "models/m/code/again.py").symlink_to("score.py")
    assert project.found() == []


def test_code_with_data_in_it(project: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("models/m/code/cache/rows.csv", "x" * 5000)
    monkeypatch.setattr(uploads, "_MOST_BYTES", 6000)
    assert project.found() == []
    monkeypatch.setattr(uploads, "_MOST_BYTES", 5000)
    assert project.found() == [
        "code-size models/m/batch-deployment.yml:6",
        "code-size models/m/online-deployment.yml:6",
    ]
    (first, _) = project.findings()
    assert first.severity == "warning"
    assert "most of it cache," in first.text


def test_code_of_too_many_files(project: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MOST_FILES", 1)
    assert project.found() == []
    project.write("models/m/code/helper.py", "")
    assert len(project.found()) == 2
