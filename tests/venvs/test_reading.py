from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from runner.declarations import AssetReference, DeclarationError, Environment, read_as
from runner.venvs.reading import declared_environment, model_environment

IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"


def environment(folder: Path, text: str) -> Environment:
    file = folder / "env.yml"
    file.write_text(dedent(text), encoding="utf-8")
    return read_as(file, Environment)


def with_conda_file(folder: Path) -> Environment:
    (folder / "conda.yml").write_text("dependencies: [python=3.10, {pip: [six==1.16.0]}]\n")
    return environment(folder, f"name: e\nversion: '3'\nimage: {IMAGE}\nconda_file: conda.yml\n")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "requirements.txt").write_text("idna==3.7\n")
    return folder


def test_a_conda_file_comes_before_what_the_model_declares(tmp_path: Path, model: Path) -> None:
    found = declared_environment(with_conda_file(tmp_path), {}, model, "deployment blue")
    assert found is not None
    assert (found.python, found.requirements, found.image) == ("3.10", ("six==1.16.0",), IMAGE)
    assert found.source == f"{tmp_path}/conda.yml"
    assert found.notices == ()


def test_a_conda_file_written_in_place_knows_its_lines(tmp_path: Path) -> None:
    source = environment(
        tmp_path,
        f"""\
        name: e
        image: {IMAGE}
        conda_file:
          dependencies:
            - pip: [six, -r more.txt]
        """,
    )
    (tmp_path / "more.txt").write_text("idna\n")
    found = declared_environment(source, {}, None, "deployment blue")
    assert found is not None
    assert found.requirements == ("six", "idna")
    assert found.places["six"] == f"{tmp_path}/env.yml:5"
    assert found.source == f"{tmp_path}/env.yml (deployment blue)"


def test_a_conda_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    source = environment(tmp_path, f"name: e\nimage: {IMAGE}\nconda_file: gone.yml\n")
    with pytest.raises(DeclarationError, match=r"gone\.yml: there is no such file"):
        declared_environment(source, {}, None, "deployment blue")


@pytest.mark.parametrize("reference", ["3", None])
def test_a_reference_to_one_of_the_project_means_it(
    tmp_path: Path, model: Path, reference: str | None
) -> None:
    asked = AssetReference("e", version=reference, label=None if reference else "latest")
    declared = {"e": with_conda_file(tmp_path)}
    found = declared_environment(asked, declared, model, "deployment blue")
    assert found is not None
    assert found.requirements == ("six==1.16.0",)


@pytest.mark.parametrize(
    "asked",
    [
        AssetReference("AzureML-sklearn-1.5", label="latest"),
        AssetReference("e", version="4"),
        AssetReference("e", version="3", registry="azureml"),
    ],
)
def test_a_reference_that_only_azure_knows_is_told_and_the_models_own_counts(
    tmp_path: Path, model: Path, asked: AssetReference
) -> None:
    declared = {"e": with_conda_file(tmp_path)}
    found = declared_environment(asked, declared, model, "deployment blue")
    assert found is not None
    assert found.requirements == ("idna==3.7",)
    assert found.notices == (
        f"deployment blue declares the environment {asked}, whose packages are not known here:"
        " its model's own packages are used",
    )


def test_an_image_alone_is_told_and_the_models_own_counts(tmp_path: Path, model: Path) -> None:
    source = environment(tmp_path, f"name: e\nimage: {IMAGE}\n")
    found = declared_environment(source, {}, model, "deployment blue")
    assert found is not None
    assert (found.requirements, found.image, found.known) == (("idna==3.7",), IMAGE, True)
    assert found.notices[0].startswith(f"deployment blue declares the image {IMAGE}, whose")
    alone = declared_environment(source, {}, None, "job train")
    assert alone is not None
    assert not alone.known
    assert "the runner's own packages are used" in alone.notices[0]


def test_nothing_is_declared_by_a_model_without_files(tmp_path: Path) -> None:
    assert model_environment(tmp_path) is None
    assert declared_environment(None, {}, tmp_path, "deployment blue") is None
    assert declared_environment(None, {}, None, "deployment blue") is None


def test_a_models_python_env_comes_first_and_names_its_requirements(model: Path) -> None:
    (model / "python_env.yaml").write_text(
        "python: 3.10\nbuild_dependencies:\n- pip==24\n- setuptools==69\n"
        "dependencies:\n- -r requirements.txt\n- six\n"
    )
    (model / "conda.yaml").write_text("dependencies: [python=3.9]\n")
    found = model_environment(model)
    assert found is not None
    assert found.python == "3.10"  # and not the number 3.1
    assert found.build_tools == ("setuptools==69",)
    assert found.requirements == ("idna==3.7", "six")
    assert found.conda == {"dependencies": ["python=3.9"]}


def test_an_older_models_conda_file_gives_python_and_its_requirements_the_packages(
    model: Path,
) -> None:
    (model / "conda.yaml").write_text("dependencies: [python=3.9.18, {pip: [six]}]\n")
    found = model_environment(model)
    assert found is not None
    assert (found.python, found.requirements) == ("3.9.18", ("idna==3.7",))
    (model / "requirements.txt").unlink()
    found = model_environment(model)
    assert found is not None
    assert (found.python, found.requirements) == ("3.9.18", ("six",))


def test_a_models_own_description_may_name_the_files_otherwise(model: Path) -> None:
    (model / "MLmodel").write_text(
        "flavors:\n  python_function:\n    loader_module: x\n"
        "    env: {conda: c.yaml, virtualenv: v.yaml}\n"
    )
    (model / "v.yaml").write_text("python: 3.12.1\ndependencies: [six]\n")
    found = model_environment(model)
    assert found is not None
    assert (found.python, found.requirements) == ("3.12.1", ("six",))
    (model / "v.yaml").unlink()
    (model / "c.yaml").write_text("dependencies: [python=3.9]\n")
    found = model_environment(model)
    assert found is not None
    assert found.python == "3.9"


def test_what_mlflow_saves_is_read_as_mlflow_reads_it() -> None:
    from mlflow.utils.virtualenv import _get_python_env

    folder = Path(__file__).parents[2] / "models" / "diabetes" / "model"
    found, theirs = model_environment(folder), _get_python_env(folder)  # type: ignore[no-untyped-call]
    assert found is not None
    assert found.python == theirs.python
    assert ["pip", *found.build_tools] == theirs.build_dependencies
    assert theirs.dependencies == ["-r requirements.txt"]
    assert list(found.requirements) == (folder / "requirements.txt").read_text().split()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("python: newest\n", "python_env.yaml:1: python: found the text 'newest'"),
        ("dependencies: six\n", "python_env.yaml:1: dependencies: found the text 'six'"),
        ("dependencies:\n- -r gone.txt\n", "python_env.yaml:2: there is no file"),
    ],
)
def test_a_python_env_that_is_wrong_is_named_with_its_line(
    model: Path, text: str, what: str
) -> None:
    (model / "python_env.yaml").write_text(text)
    with pytest.raises(DeclarationError) as refused:
        model_environment(model)
    assert what in str(refused.value)
