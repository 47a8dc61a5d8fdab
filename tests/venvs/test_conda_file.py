from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from mlflow.utils.environment import _PythonEnv

from runner.declarations import DeclarationError
from runner.declarations.document import read_document
from runner.venvs.conda_file import read_conda
from runner.venvs.conda_packages import pypi_name
from runner.venvs.environment import DeclaredEnvironment


def read(file: Path, text: str) -> DeclaredEnvironment:
    file.write_text(dedent(text), encoding="utf-8")
    return read_conda(read_document(file), str(file))


def package(tmp_path: Path, text: str) -> tuple[str, ...]:
    return read(tmp_path / "conda.yml", f"dependencies: ['{text}']\n").requirements


@pytest.mark.parametrize(
    ("text", "requirement"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy=1.26.4=py311_0", "numpy==1.26.4"),
        ("numpy 1.26.4", "numpy==1.26.4"),
        ("numpy 1.26.*", "numpy==1.26.*"),
        ("numpy 1.26.4 py311_0", "numpy==1.26.4"),
        ("numpy>=1.25,<2", "numpy>=1.25,<2"),
        ("numpy >=1.25, <2", "numpy>=1.25,<2"),
        ("numpy>=1.25.*", "numpy>=1.25"),
        ("numpy!=1.25.0", "numpy!=1.25.0"),
        ("numpy=*", "numpy"),
        ("conda-forge::numpy=1.26", "numpy==1.26.*"),
        ("conda-forge/linux-64::numpy==1.26.4", "numpy==1.26.4"),
        ("pytorch==2.1.0", "torch==2.1.0"),
        ("py-xgboost=2.0", "xgboost==2.0.*"),
        ("opencv=4.9", "opencv-python-headless==4.9.*"),
        ("msgpack-python", "msgpack"),
        ("matplotlib-base>=3", "matplotlib>=3"),
        ("category_encoders", "category-encoders"),
    ],
)
def test_a_package_is_asked_of_pypi_as_conda_means_it(
    tmp_path: Path, text: str, requirement: str
) -> None:
    assert package(tmp_path, text) == (requirement,)


@pytest.mark.parametrize("text", ["numpy=1.25|1.26", "numpy[version='>=1']", "numpy>=1.25=py_0|x"])
def test_a_version_that_pypi_knows_no_words_for_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DeclarationError, match=r"conda\.yml:2: dependencies: found"):
        read(tmp_path / "conda.yml", f'dependencies:\n  - "{text}"\n')


def test_packages_that_only_conda_has_are_told_apart(tmp_path: Path) -> None:
    text = "dependencies: [python=3.10, numpy, libgcc-ng, cudatoolkit=11.8, graphviz, r-base]\n"
    found = read(tmp_path / "conda.yml", text)
    assert found.requirements == ("numpy",)
    assert found.only_conda == ("libgcc-ng", "cudatoolkit=11.8", "graphviz", "r-base")


def test_packages_that_choose_a_build_of_condas_ask_for_nothing(tmp_path: Path) -> None:
    assert package(tmp_path, "nomkl") == ()
    assert pypi_name("cpuonly") == ""


def test_pip_packages_know_their_line_and_follow_files(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("idna\n")
    found = read(
        tmp_path / "conda.yml",
        """\
        name: x
        channels: [conda-forge]
        dependencies:
          - python=3.10.13
          - pip<=24
          - setuptools=69
          - pip:
              - six==1.16.0
              - -r requirements.txt
              - --index-url https://example.com/simple
        """,
    )
    assert found.python == "3.10.13"
    assert found.build_tools == ("setuptools==69.*",)
    assert found.requirements == ("six==1.16.0", "idna")
    assert found.options == ("--index-url https://example.com/simple",)
    assert found.places["six==1.16.0"] == f"{tmp_path}/conda.yml:8"
    assert found.conda is not None
    assert found.conda["channels"] == ["conda-forge"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("dependencies: numpy\n", "1: dependencies: found the text 'numpy', allowed: a list"),
        ("dependencies:\n  - {npm: [x]}\n", "2: dependencies: found the key 'npm'"),
        ("dependencies:\n  - pip: six\n", "2: dependencies: found the text 'six', allowed: a list"),
        ("dependencies:\n  - python=newest\n", "2: dependencies: found 'python=newest'"),
        ("dependencies:\n  - pip:\n    - -r gone.txt\n", "3: there is no file"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        read(tmp_path / "conda.yml", text)
    assert f"conda.yml:{what}" in str(refused.value)


@pytest.mark.parametrize("python", ["3.10.13", "3.9.18"])
def test_what_mlflow_writes_is_read_as_mlflow_reads_it(tmp_path: Path, python: str) -> None:
    file = tmp_path / "conda.yaml"
    found = read(
        file,
        f"""\
        channels: [conda-forge]
        dependencies:
        - python={python}
        - pip<=26.3
        - pip: [mlflow==3.17.2, "scikit-learn==1.5.2", "pandas[excel]<3"]
        name: mlflow-env
        """,
    )
    theirs = _PythonEnv.from_conda_yaml(file)  # type: ignore[no-untyped-call]
    assert found.python == theirs.python
    assert list(found.requirements) == theirs.dependencies
    assert ["pip<=26.3", *found.build_tools] == theirs.build_dependencies
