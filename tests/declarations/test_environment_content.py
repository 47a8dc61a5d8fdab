from __future__ import annotations

from pathlib import Path

import pytest

from runner.declarations import DeclarationError, Environment, read_catalog
from runner.declarations.environment_content import conda_text, version_of

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
CONDA = "dependencies: [python=3.11]\nname: e\n"


def declared(folder: Path, text: str, conda: str = CONDA) -> Environment:
    models = folder / "models" / "echo"
    models.mkdir(parents=True, exist_ok=True)
    (models / "conda.yml").write_text(conda)
    (models / "environment.yml").write_text(f"{SCHEMA}name: e\n{text}")
    return read_catalog(models.parent).environments["e"]


IMAGE = "image: an/image\nconda_file: ./conda.yml\n"


def test_what_describes_an_environment_makes_no_other_version(tmp_path: Path) -> None:
    first = version_of(declared(tmp_path, IMAGE))
    assert version_of(declared(tmp_path, IMAGE + "description: mine\ntags: {a: b}\n")) == first
    rewritten = "# a comment\nname: e\ndependencies:\n  - python=3.11\n"
    assert version_of(declared(tmp_path, IMAGE, rewritten)) == first


@pytest.mark.parametrize(
    ("text", "conda"),
    [
        (IMAGE.replace("an/image", "other/image"), CONDA),
        (IMAGE, CONDA.replace("3.11", "3.12")),
        (IMAGE + "os_type: windows\n", CONDA),
        ("build: {path: ./docker}\n", CONDA),
    ],
)
def test_what_makes_an_environment_makes_another_version(
    tmp_path: Path, text: str, conda: str
) -> None:
    first = version_of(declared(tmp_path, IMAGE))
    assert version_of(declared(tmp_path, text, conda)) != first


def test_a_build_is_known_by_what_its_folder_holds(tmp_path: Path) -> None:
    build = declared(tmp_path, "build: {path: ./docker}\n")
    assert version_of(build, "one") != version_of(build, "two")
    moved = declared(tmp_path, "build: {path: ./elsewhere}\n")
    assert version_of(moved, "one") == version_of(build, "one")


def test_a_conda_file_is_written_anew(tmp_path: Path) -> None:
    assert conda_text(declared(tmp_path, IMAGE)) == "dependencies:\n- python=3.11\nname: e\n"
    inline = declared(tmp_path, "image: an/image\nconda_file: {dependencies: [pip]}\n")
    assert conda_text(inline) == "dependencies:\n- pip\n"
    assert conda_text(declared(tmp_path, "image: an/image\n")) is None


@pytest.mark.parametrize("conda", ["- a list\n", "a: [\n", ""])
def test_a_conda_file_that_is_none_is_named(tmp_path: Path, conda: str) -> None:
    with pytest.raises(DeclarationError, match=r"conda\.yml"):
        conda_text(declared(tmp_path, IMAGE, conda))
