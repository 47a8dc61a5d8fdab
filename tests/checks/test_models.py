"""Models, and whether their environments can load them."""

from __future__ import annotations

import pytest

from .conftest import Checked

CONDA = "models/m/conda.yml"


def own_environment(project: Checked, packages: str) -> None:
    """Give the deployment without a script an environment of its own."""
    project.write(
        "models/m/plain.yml",
        "dependencies: [python=3.11, {pip: [--no-index, --find-links {wheels}, "
        + packages
        + "]}]\n",
    )
    with (project.root / "models/m/batch-deployment-plain.yml").open("a") as file:
        file.write("environment: {image: any, conda_file: ./plain.yml}\n")


def test_an_mlflow_model_without_an_mlmodel(project: Checked) -> None:
    project.remove("models/m/model/MLmodel")
    assert "mlmodel models/m/model.yml:3" in project.found()


def test_an_mlmodel_without_the_flavor_that_azure_loads(project: Checked) -> None:
    project.write("models/m/model/MLmodel", "flavors: {sklearn: {sklearn_version: 1.9.1}}\n")
    assert "mlmodel models/m/model.yml:3" in project.found()
    assert any("no python_function flavor" in finding.text for finding in project.findings())


def test_a_custom_model_without_a_script(project: Checked) -> None:
    project.write("models/m/model.yml", "name: m\ntype: custom_model\npath: ./model\n")
    assert project.found() == [
        "needs-script models/m/batch-deployment-plain.yml:4",
        "needs-script models/m/online-deployment-plain.yml:4",
    ]


def test_a_triton_model_is_served_online_and_not_in_batches(project: Checked) -> None:
    project.write("models/m/model.yml", "name: m\ntype: triton_model\npath: ./model\n")
    assert project.found() == ["needs-script models/m/batch-deployment-plain.yml:4"]


def test_a_custom_model_that_an_image_serves(project: Checked) -> None:
    project.write("models/m/model.yml", "name: m\ntype: custom_model\npath: ./model\n")
    project.remove("models/m/batch-deployment-plain.yml")
    project.change("models/m/batch-endpoint.yml", "plain", "script")
    route = "{port: 8080, path: /x}"
    with (project.root / "models/m/online-deployment-plain.yml").open("a") as file:
        routes = ", ".join(
            f"{name}_route: {route}" for name in ("liveness", "readiness", "scoring")
        )
        file.write(f"environment: {{image: tritonserver, inference_config: {{{routes}}}}}\n")
    assert project.found() == []


def test_an_environment_without_the_models_library(project: Checked) -> None:
    own_environment(project, "mlflow-skinny==3.15.0")
    assert project.found() == ["library models/m/batch-deployment-plain.yml:6"]
    assert "lacks scikit-learn" in project.text()


def test_an_environment_without_mlflow(project: Checked) -> None:
    own_environment(project, "scikit-learn==1.9.1")
    assert "lacks mlflow" in project.text()


def test_an_environment_with_both(project: Checked) -> None:
    own_environment(project, "scikit-learn==1.9.1, mlflow-skinny==3.15.0")
    assert project.found() == []


def test_a_library_of_another_version_than_the_model_was_saved_with(project: Checked) -> None:
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - scikit-learn==1.5.2")
    found = project.findings()
    assert {(finding.code, finding.severity) for finding in found} == {("saved-version", "warning")}
    assert "was saved with scikit-learn 1.9.1, and the environment has 1.5.2" in found[0].text


@pytest.mark.parametrize("version", ["1.9.0", "1.9.1"])
def test_a_library_of_a_version_that_is_near_enough(project: Checked, version: str) -> None:
    project.change(CONDA, "joblib==1.5.2", f"joblib==1.5.2\n  - scikit-learn=={version}")
    assert project.found() == []


def test_a_model_that_lies_elsewhere_is_left_alone(project: Checked) -> None:
    project.change("models/m/model.yml", "./model", "azureml://jobs/j/outputs/model")
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - scikit-learn==1.5.2")
    assert project.found() == []


def test_a_pinned_version_may_be_another_model_than_the_one_here(project: Checked) -> None:
    for name in ("batch-deployment", "online-deployment"):
        project.change(f"models/m/{name}.yml", "azureml:m@latest", "azureml:m:3")
    project.change(CONDA, "joblib==1.5.2", "joblib==1.5.2\n  - scikit-learn==1.5.2")
    assert project.found() == []


def test_an_older_python_than_the_model_was_pickled_by(project: Checked) -> None:
    own_environment(project, "scikit-learn==1.9.1, mlflow-skinny==3.15.0")
    project.change("models/m/plain.yml", "python=3.11", "python=3.10")
    (only,) = project.findings()
    assert (only.code, only.severity) == ("saved-python", "warning")
    assert "was pickled by Python 3.11.7, and the environment has 3.10" in only.text


def test_a_newer_python_than_the_model_was_pickled_by(project: Checked) -> None:
    own_environment(project, "scikit-learn==1.9.1, mlflow-skinny==3.15.0")
    project.change("models/m/plain.yml", "python=3.11", "python=3.12")
    assert project.found() == []


def test_a_model_with_functions_of_its_own_needs_its_own_python(project: Checked) -> None:
    project.change("models/m/model/MLmodel", "mlflow.sklearn", "mlflow.pyfunc.model")
    own_environment(project, "scikit-learn==1.9.1, mlflow-skinny==3.15.0")
    assert project.found() == []
    project.change("models/m/plain.yml", "python=3.11", "python=3.12")
    assert [finding.code for finding in project.findings()] == ["saved-python"]


def test_files_of_a_model_that_do_not_say_the_same(project: Checked) -> None:
    project.write("models/m/model/requirements.txt", "scikit-learn==1.9.1\n")
    project.write("models/m/model/python_env.yaml", "dependencies: [-r requirements.txt]\n")
    assert "declared-twice" not in {finding.code for finding in project.findings()}
    project.write("models/m/model/requirements.txt", "scikit-learn==1.9.0\n")
    twice = [finding for finding in project.findings() if finding.code == "declared-twice"]
    assert {finding.severity for finding in twice} == {"warning"}
    assert "scikit-learn==1.9.0" in twice[0].text
    assert "conda.yaml says scikit-learn==1.9.1, which is what Azure installs" in twice[0].text


def described(project: Checked, **parts: str) -> None:
    """Give the model a signature, by its parts."""
    text = "".join(f"  {part}: '{written}'\n" for part, written in parts.items())
    path = project.root / "models/m/model/MLmodel"
    path.write_text(f"{path.read_text().split('signature:')[0]}signature:\n{text}")


ARRAYS = '{"type": "array", "items": {"type": "double"}, "name": "%s", "required": true}'


def test_outputs_that_azures_script_has_no_sample_of(project: Checked) -> None:
    described(project, inputs='[{"type": "double", "name": "a"}]', outputs=f"[{ARRAYS % 'p'}]")
    (only,) = project.findings()
    assert (only.code, only.severity) == ("sample", "error")
    assert (
        "can make none of output 'p' of the signature, an array, so that the container" in only.text
    )
    assert "start: save the model with a signature of its inputs only, or give" in only.text


def test_inputs_that_azures_script_has_no_sample_of(project: Checked) -> None:
    described(project, inputs=f"[{ARRAYS % 'x'}]")
    assert project.found() == ["sample models/m/model/MLmodel"]
    assert "none of input 'x' of the signature, an array" in project.text()


def test_an_input_example_that_azures_script_has_no_sample_of(project: Checked) -> None:
    project.write("models/m/model/input_example.json", '{"question": "why?"}')
    with (project.root / "models/m/model/MLmodel").open("a") as file:
        file.write("saved_input_example_info: {artifact_path: input_example.json, type: KIND}\n")
    project.change("models/m/model/MLmodel", "KIND", "json_object")
    assert project.found() == ["sample models/m/model/MLmodel"]
    assert "none of the input example, an object" in project.text()
    project.change("models/m/model/MLmodel", "json_object", "dataframe")
    assert project.found() == []


@pytest.mark.parametrize(
    "signature",
    [
        {"inputs": '[{"type": "double"}]', "outputs": '[{"type": "long"}]'},
        {
            "inputs": '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]',
            "outputs": '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]',
        },
        {"inputs": '[{"type": "array", "items": {"type": "double"}}]'},
    ],
)
def test_signatures_that_azures_script_starts_with(
    project: Checked, signature: dict[str, str]
) -> None:
    described(project, **signature)
    assert "sample" not in {finding.code for finding in project.findings()}
