"""Declared environments: what they come to, and what Azure's executors need of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.checks import resolution
from runner.errors import EnvironmentRefused

from .conftest import IMAGE, Checked
from .wheels import write_source, write_wheel

CONDA = "models/m/conda.yml"
TRAIN = "models/m/src/train.py"


def test_a_package_that_is_not_there(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - jobblib")
    assert project.found() == [f"unresolved {CONDA}:9"]
    assert "jobblib was not found" in project.text()
    assert project.findings()[0].severity == "error"


def test_versions_that_can_not_be_had_together(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "pandas==2.3.3\n  - numpy<1.26")
    assert project.found()[0] == f"unresolved {CONDA}:8"
    assert "pandas>=2.3.3 depends on numpy>=1.26" in project.findings()[0].text


def test_a_conda_file_that_is_written_in_place(project: Checked) -> None:
    file = "models/m/batch-deployment.yml"
    project.change(
        file,
        "conda_file: ./conda.yml",
        "conda_file: {dependencies: [python=3.11, {pip: [--no-index, azureml-core==9]}]}",
    )
    (only,) = project.findings()
    assert (only.code, only.place.file, only.place.line) == ("unresolved", project.root / file, 10)


def test_what_conda_is_asked_for_may_be_in_conda_and_not_in_pypi(project: Checked) -> None:
    project.change(CONDA, "- pip\n", "- pip\n- numpy=1.10.1\n")
    (only,) = project.findings()
    assert (only.code, only.severity) == ("unresolved", "warning")
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - jobblib")
    assert [finding.severity for finding in project.findings()] == ["error"]


def test_an_environment_that_several_use_is_told_once(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "jobblib")
    assert len(project.findings()) == 1


def test_a_package_without_a_wheel_is_not_built_to_ask_it(project: Checked) -> None:
    ran = project.root / "ran"
    write_source(project.wheels, "unbuilt", "4.0.5", f"open({str(ran)!r}, 'w')\n")
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - unbuilt==4.0.5")
    project.write(TRAIN, "import unbuilt, pandas\n")  # which it may bring along
    report = project.report()
    assert (report.findings, report.unchecked) == ((), ())
    assert not ran.exists()


def test_without_uv_the_packages_are_not_checked_and_nothing_is_found(
    project: Checked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none() -> list[str]:
        raise EnvironmentRefused("what who makes an environment has to do")

    monkeypatch.setattr(resolution, "find_uv", none)
    project.write(TRAIN, "import pandas\n")
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.1")
    report = project.report()
    assert report.findings == ()
    assert any("there is no uv: install it with `" in line for line in report.unchecked)


def test_without_a_network_the_packages_are_not_checked_and_nothing_is_found(
    project: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    project.write(TRAIN, "import pandas\n")
    project.write(
        CONDA,
        "dependencies:\n- python=3.11\n- pip:\n  - --index-url http://me:secret@127.0.0.1:9/simple\n"
        "  - joblib\n  - azureml-defaults\n",
    )
    report = project.report()
    assert report.findings == ()
    (line,) = report.unchecked
    assert line.startswith(f"packages of {project.root / CONDA} are not checked: ")
    assert "secret" not in line
    kept = [file.read_text() for file in (project.home / "checks").iterdir()]
    assert not any("secret" in text for text in kept)


def test_what_uv_said_is_kept_for_a_day(
    project: Checked, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fresh = Checked(project.root, tmp_path / "home", project.wheels)
    assert fresh.findings() == ()

    def none() -> list[str]:
        raise EnvironmentRefused("there is no uv")

    monkeypatch.setattr(resolution, "find_uv", none)
    assert fresh.report().unchecked == ()
    monkeypatch.setattr(resolution, "_KEPT", 0)
    assert fresh.report().unchecked == ()  # older, and better than nothing


def test_a_conda_file_that_is_none(project: Checked) -> None:
    project.write(CONDA, "dependencies: numpy\n")
    assert "conda-file models/m/conda.yml:1" in project.found()


def test_a_script_without_an_environment(project: Checked) -> None:
    text = (project.root / "models/m/batch-deployment.yml").read_text()
    project.write("models/m/batch-deployment.yml", text.partition("environment:")[0])
    assert project.found() == ["environment models/m/batch-deployment.yml:5"]


def test_an_mlflow_model_without_a_script_needs_none(project: Checked) -> None:
    assert "environment" not in (project.root / "models/m/batch-deployment-plain.yml").read_text()
    assert project.found() == []


def test_a_conda_package_with_a_build(project: Checked) -> None:
    project.change(CONDA, "- pip\n", "- pip\n- numpy=1.26.4=py311h64a7726_0\n- joblib=1.5.2=h_0\n")
    (only,) = project.findings()
    assert (only.code, only.place.line, only.severity) == ("conda-build", 5, "warning")
    assert "numpy=1.26.4=py311h64a7726_0 names a build, and 1 more" in only.text
    assert "write numpy=1.26.4" in only.text


@pytest.mark.parametrize("spec", ["numpy=1.26.4", "numpy==1.26.4", "numpy>=1.26,<2", "numpy"])
def test_a_conda_package_without_a_build(project: Checked, spec: str) -> None:
    project.change(CONDA, "- pip\n", f"- pip\n- {spec}\n")
    assert project.found() == []


def test_a_package_of_windows(project: Checked) -> None:
    project.change(CONDA, "- pip\n", "- pip\n- pywin32=306\n")
    assert project.found() == [f"other-system {CONDA}:5"]


def test_a_package_of_linux_is_none_of_another_system(project: Checked) -> None:
    project.change(CONDA, "- pip\n", "- pip\n- libgcc-ng=14\n")
    assert project.found() == []


@pytest.mark.parametrize("line", ["-r more.txt", "--requirement=more.txt"])
def test_a_requirements_file_that_is_not_sent(project: Checked, line: str) -> None:
    project.write("models/m/more.txt", "joblib==1.5.2\n")
    project.change(CONDA, "  - joblib==1.5.2", f"  - {line}")
    assert project.found() == [f"local-file {CONDA}:8"]
    assert f"{line} is a file of this machine" in project.text()


def test_a_wheel_that_is_not_sent(project: Checked) -> None:
    write_wheel(project.root / "models/m", "mine", "1.0")
    project.change(CONDA, "  - joblib==1.5.2", "  - ./mine-1.0-py3-none-any.whl\n  - joblib")
    assert project.found() == [f"local-file {CONDA}:8"]


def test_a_requirements_file_of_a_model_is_sent_with_it(project: Checked) -> None:
    project.write("models/m/model/requirements.txt", "scikit-learn==1.9.1\n")
    project.change(
        "models/m/model/conda.yaml", "  - scikit-learn==1.9.1\n", "  - -r requirements.txt\n"
    )
    assert project.found() == []


def test_a_batch_script_without_azures_executor(project: Checked) -> None:
    project.change(CONDA, "  - azureml-core==1.62.0\n", "")
    assert project.found() == [f"batch-executor {CONDA}:5"]
    assert "lacks azureml-core" in project.text()


def test_an_online_script_without_the_server(project: Checked) -> None:
    project.change(CONDA, "  - azureml-inference-server-http==1.5.1\n", "")
    assert project.found() == [f"inference-server {CONDA}:5"]


def test_azureml_defaults_brings_both(project: Checked) -> None:
    project.change(CONDA, "  - azureml-core==1.62.0\n", "  - azureml-defaults\n")
    project.change(CONDA, "  - azureml-inference-server-http==1.5.1\n", "")
    assert project.found() == []


def test_what_an_image_brings_nobody_knows(project: Checked) -> None:
    for name in ("batch", "online"):
        file = f"models/m/{name}-deployment.yml"
        project.change(file, "\n  conda_file: ./conda.yml", "")
    assert project.found() == []


def test_an_environment_that_only_azure_has(project: Checked) -> None:
    for name in ("batch", "online"):
        file = f"models/m/{name}-deployment.yml"
        project.change(
            file,
            f"environment:\n  image: {IMAGE}\n  conda_file: ./conda.yml",
            "environment: azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
        )
    assert project.found() == []


def test_a_server_of_its_own_needs_none_of_azures(project: Checked) -> None:
    project.change(CONDA, "  - azureml-inference-server-http==1.5.1\n", "")
    route = "{port: 8080, path: /x}"
    project.change(
        "models/m/online-deployment.yml",
        "  conda_file: ./conda.yml",
        "  conda_file: ./conda.yml\n  inference_config: {"
        + ", ".join(f"{name}_route: {route}" for name in ("liveness", "readiness", "scoring"))
        + "}",
    )
    assert project.found() == []


def own_environment(project: Checked, image: str, *packages: str) -> None:
    """Give the online deployment without a script an environment of its own."""
    project.write(
        "models/m/plain.yml",
        "dependencies:\n- python=3.11\n- pip:\n  - --no-index\n  - --find-links {wheels}\n"
        + "".join(
            f"  - {name}\n" for name in ("mlflow-skinny==3.15.0", "scikit-learn==1.9.1", *packages)
        ),
    )
    with (project.root / "models/m/online-deployment-plain.yml").open("a") as file:
        file.write(f"environment: {{image: {image}, conda_file: ./plain.yml}}\n")


INFERENCE = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py311-cpu-inference:latest"


@pytest.mark.parametrize(
    "image", [INFERENCE, "mcr.microsoft.com/azureml/curated/minimal-py312-inference:7"]
)
def test_azures_inference_images_see_to_the_server(project: Checked, image: str) -> None:
    project.change(CONDA, "  - azureml-inference-server-http==1.5.1\n", "")
    project.change("models/m/online-deployment.yml", IMAGE, image)
    assert project.found() == []


def test_a_model_without_what_azures_own_script_imports(project: Checked) -> None:
    project.change("models/m/model/conda.yaml", "  - azureml-ai-monitoring==1.0.0\n", "")
    (only,) = project.findings()
    assert (only.code, only.severity) == ("monitoring", "error")
    assert only.place.file == project.root / "models/m/model/conda.yaml"
    assert 'extra_pip_requirements=["azureml-ai-monitoring"]' in only.text
    project.remove("models/m/online-deployment-plain.yml")
    project.change("models/m/online-endpoint.yml", "plain", "script")
    assert project.found() == []


def test_an_image_of_ones_own_for_a_model_without_a_script(project: Checked) -> None:
    own_environment(project, IMAGE)
    assert project.found() == [
        "inference-server models/m/plain.yml:3",
        "monitoring models/m/plain.yml:3",
    ]
    both = "scikit-learn==1.9.1\n  - azureml-ai-monitoring\n  - azureml-inference-server-http\n"
    project.change("models/m/plain.yml", "scikit-learn==1.9.1\n", both)
    assert project.found() == []


def test_an_inference_image_for_a_model_without_a_script(project: Checked) -> None:
    own_environment(project, INFERENCE)
    assert project.found() == ["monitoring models/m/plain.yml:3"]
    assert "the environment lacks azureml-ai-monitoring" in project.text()
    project.change(
        "models/m/plain.yml", "scikit-learn==1.9.1\n", "scikit-learn\n  - azureml-ai-monitoring\n"
    )
    assert project.found() == []


def test_a_python_that_azures_server_has_left_behind(project: Checked) -> None:
    project.change("models/m/model/conda.yaml", "python=3.11", "python=3.8")
    assert project.found() == ["old-python models/m/model/conda.yaml:3"]
    project.change("models/m/model/conda.yaml", "python=3.8", "python=3.10")
    assert project.found() == []


def test_a_server_that_a_python_is_too_new_for(project: Checked) -> None:
    project.change(CONDA, "server-http==1.5.1", "server-http==1.3.4")
    assert project.found() == []
    project.change(CONDA, "python=3.11", "python=3.13")
    assert project.found() == [f"old-server {CONDA}:10"]
    assert "imports distutils, which Python 3.13 has no more" in project.text()
    project.change(CONDA, "server-http==1.3.4", "server-http==1.3.4\n  - setuptools")
    assert project.found() == []


def test_a_server_of_today_under_a_python_of_today(project: Checked) -> None:
    project.change(CONDA, "python=3.11", "python=3.13")
    assert project.found() == []


def test_a_pandas_of_numpy_1_beside_numpy_2(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - pandas==1.5.3")
    assert project.found() == [f"numpy-2 {CONDA}:9"]
    assert "add numpy<2, or pandas>=2.2.2" in project.text()
    project.change(CONDA, "pandas==1.5.3", "pandas==1.5.3\n  - numpy<2")
    assert project.found() == []


def test_a_pandas_of_numpy_2_beside_it(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - pandas==2.3.3")
    assert project.found() == []


def test_a_job_that_logs_without_what_reaches_azures_tracking(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - mlflow-skinny==2.16.2")
    project.write(TRAIN, "import mlflow\n\nmlflow.log_metric('a', 1)\n")
    assert project.found() == [f"tracking {CONDA}:5"]
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - azureml-mlflow")
    assert project.found() == []


def test_a_job_that_only_saves_a_model_needs_no_tracking(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - mlflow-skinny==2.16.2")
    project.write(TRAIN, "import mlflow\n\nmlflow.sklearn.save_model(1, 'model')\n")
    assert project.found() == []


def test_a_job_without_mlflow_needs_no_tracking(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - mlflow-skinny==2.16.2")
    assert project.found() == []


@pytest.mark.parametrize("call", ["mlflow.sklearn.log_model(1, 'model')", "mlflow.autolog()"])
def test_a_job_that_logs_models_with_an_mlflow_that_azure_does_not_know(
    project: Checked, call: str
) -> None:
    project.change(
        CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - mlflow-skinny==3.15.0\n  - azureml-mlflow"
    )
    project.write(TRAIN, "import helper\n")
    project.write("models/m/src/helper.py", f"import mlflow\n\n{call}\n")
    (only,) = project.findings()
    assert (only.code, only.place.line, only.severity) == ("logged-models", 3, "warning")
    project.change(CONDA, "mlflow-skinny==3.15.0", "mlflow-skinny==2.16.2")
    assert project.found() == []


@pytest.mark.parametrize(
    "call", ["mlflow.autolog(log_models=False)", "mlflow.log_metric('a', 1)", "log_model(1)"]
)
def test_a_job_that_logs_no_models(project: Checked, call: str) -> None:
    project.change(
        CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - mlflow-skinny==3.15.0\n  - azureml-mlflow"
    )
    project.write(TRAIN, f"import mlflow\n\n{call}\n")
    assert project.found() == []


def test_the_index_itself_is_asked(project: Checked) -> None:
    """Return the package is called scikit-learn, and Azure says so only when it builds the
    image."""
    project.write(CONDA, "dependencies: [python=3.11, {pip: [azureml-core, sklearn==0.24.1]}]\n")
    report = project.report("batch")
    if report.unchecked:
        pytest.skip(report.unchecked[0])
    (only,) = report.findings
    assert only.code == "unresolved"
    assert "there is no version of sklearn==0.24.1" in only.text
