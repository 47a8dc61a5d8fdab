"""Files that a declaration names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runner.checks import files
from runner.checks.finding import Finding

from .conftest import Checked


def test_a_folder_of_code_that_is_not_there(project: Checked) -> None:
    project.change("models/m/batch-deployment.yml", "code: ./code", "code: ./kode")
    assert project.found() == ["missing-file models/m/batch-deployment.yml:6"]
    assert "kode isn't there; did you mean 'code'?" in project.text()


def test_a_file_in_the_place_of_a_folder_of_code(project: Checked) -> None:
    project.change("models/m/batch-deployment.yml", "code: ./code", "code: ./code/score.py")
    assert project.found() == ["missing-file models/m/batch-deployment.yml:6"]
    assert "name the folder that it lies in" in project.text()


def test_a_scoring_script_that_is_not_in_the_code(project: Checked) -> None:
    project.change("models/m/online-deployment.yml", "score.py", "scores.py")
    assert project.found() == ["missing-file models/m/online-deployment.yml:7"]
    assert "did you mean 'score.py'?" in project.text() or "only 'score.py'" in project.text()


def test_a_scoring_script_in_a_folder_of_the_code_is_fine(project: Checked) -> None:
    project.write(
        "models/m/code/deep/score.py", (project.root / "models/m/code/score.py").read_text()
    )
    project.change("models/m/online-deployment.yml", "score.py", "deep/score.py")
    assert project.found() == []


def test_a_path_with_the_slashes_of_windows(project: Checked) -> None:
    project.write(
        "models/m/code/deep/score.py", (project.root / "models/m/code/score.py").read_text()
    )
    project.change("models/m/online-deployment.yml", "score.py", "deep\\score.py")
    assert project.found() == ["backslash models/m/online-deployment.yml:7"]
    assert "write deep/score.py" in project.text()


def test_a_conda_file_that_is_not_there(project: Checked) -> None:
    project.change("models/m/batch-deployment.yml", "./conda.yml", "./conda.yaml")
    assert project.found() == ["missing-file models/m/batch-deployment.yml:10"]
    assert "did you mean 'conda.yml'?" in project.text()


def test_a_dockerfile_that_is_not_there(project: Checked) -> None:
    project.write("models/m/image/Dockerfile.gpu", "FROM scratch\n")
    project.write(
        "models/m/environment.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
        "name: built\nbuild: {path: ./image}\n",
    )
    assert project.found() == ["missing-file models/m/environment.yml:3"]
    project.change(
        "models/m/environment.yml", "./image", "./image, dockerfile_path: Dockerfile.gpu"
    )
    assert project.found() == []


def test_a_model_that_is_not_there(project: Checked) -> None:
    shutil.rmtree(project.root / "models/m/model")
    assert "missing-file models/m/model.yml:3" in project.found()


def test_data_that_is_not_there(project: Checked) -> None:
    project.change("models/m/data.yml", "../../data", "../../date")
    assert project.found() == ["missing-file models/m/data.yml:3"]


def test_data_and_models_at_an_address_are_no_matter_of_this_machine(project: Checked) -> None:
    project.change("models/m/data.yml", "../../data", "azureml://datastores/d/paths/rows/")
    project.change("models/m/model.yml", "./model", "azureml://jobs/j/outputs/model")
    project.change("models/m/batch-deployment.yml", "./code", "https://example.org/code")
    assert project.found() == []


def test_an_input_of_a_job_that_is_not_there(project: Checked) -> None:
    project.change("models/m/train.yml", "rows.csv}", "row.csv}")
    assert project.found() == ["missing-file models/m/train.yml:6"]


@pytest.mark.parametrize(
    "command",
    ["python trian.py", "python -u trian.py --x 1", "echo begin && python3.11 trian.py"],
)
def test_a_script_that_a_command_starts_and_that_is_not_there(
    project: Checked, command: str
) -> None:
    project.change("models/m/train.yml", "python train.py", command)
    assert project.found() == ["missing-file models/m/train.yml:4"]
    assert "'train.py'" in project.text()


@pytest.mark.parametrize(
    "command",
    [
        "python ${{inputs.rows}}",
        "python /opt/trian.py",
        "python ~/trian.py",
        "bash /opt/run.sh",
        "cd deep && python trian.py",
        "python -c 'print(1)'",
        "python -m trian",
        "pip install x && python trian.py",
        "Rscript trian.R",
    ],
)
def test_a_command_that_may_mean_something_else_is_left_alone(
    project: Checked, command: str
) -> None:
    project.change("models/m/train.yml", "python train.py", command)
    assert project.found() == []


def test_a_script_beside_the_folder_of_code(project: Checked) -> None:
    project.write("models/m/outside.py", "")
    project.change("models/m/train.yml", "python train.py", "python ../outside.py")
    assert project.found() == ["missing-file models/m/train.yml:4"]
    assert "outside the folder of code" in project.text()


def test_a_shell_script_with_the_line_ends_of_windows(project: Checked) -> None:
    script = project.write("models/m/src/run.sh", "")
    script.write_bytes(b"#!/bin/sh\npython train.py\r\n")
    project.change("models/m/train.yml", "python train.py", "bash run.sh")
    assert project.found() == ["line-ends models/m/src/run.sh:2"]
    script.write_bytes(b"#!/bin/sh\npython train.py\n")
    assert project.found() == []


def test_python_takes_the_line_ends_of_windows(project: Checked) -> None:
    script = project.root / "models/m/code/score.py"
    script.write_bytes(b"\xef\xbb\xbf" + script.read_bytes().replace(b"\n", b"\r\n"))
    assert project.found() == []


def test_capitals_that_only_this_machine_does_not_tell_apart(
    project: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Check spelling as on macOS and Windows, where a file is there by any spelling of its name."""
    code = project.root / "models/m/code"
    (code / "score.py").rename(code / "Score.py")
    real = Path.exists

    def exists(path: Path, **more: bool) -> bool:
        names = [name.name.lower() for name in path.parent.iterdir()] if real(path.parent) else []
        return real(path, **more) or path.name.lower() in names

    monkeypatch.setattr(Path, "exists", exists)
    assert [finding.code for finding in files_of(project)] == ["capitals", "capitals"]
    assert "spelled Score.py" in files_of(project)[0].text


def files_of(project: Checked) -> list[Finding]:
    from runner.checks.subject import subjects
    from runner.declarations import read_catalog

    catalog = read_catalog(project.root / "models")
    return [
        finding
        for subject in subjects(catalog, project.home)
        for finding in files.check_subject(subject)
    ]
