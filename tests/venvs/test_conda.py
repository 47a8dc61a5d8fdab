"""conda is played by a script here: none of conda, mamba and micromamba is needed for the tests."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from runner.declarations.document import read_document
from runner.errors import EnvironmentRefused, WrongUsage
from runner.venvs.cache import entries
from runner.venvs.choosing import choose_interpreter
from runner.venvs.conda_file import read_conda
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.interpreter import Interpreter
from runner.venvs.needs import Needs

CONDA_FILE = """
name: ours
channels: [conda-forge]
dependencies:
  - python=3.10
  - numpy=1.26
  - libgcc-ng
  - pip
  - pip: [six==1.16.0, -r more.txt]
"""


@pytest.fixture
def declared(tmp_path: Path) -> DeclaredEnvironment:
    (tmp_path / "more.txt").write_text("idna\n")
    file = tmp_path / "conda.yml"
    file.write_text(CONDA_FILE)
    return read_conda(read_document(file), "conda.yml")


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, program: str) -> None:
    """Put a command on PATH that keeps what it is called with."""
    folder = tmp_path / "bin"
    folder.mkdir()
    file = folder / name
    head = f"""\
        #!{sys.executable}
        import os, shutil, sys
        from pathlib import Path
        prefix, given = sys.argv[sys.argv.index("-p") + 1], sys.argv[sys.argv.index("-f") + 1]
        Path({str(tmp_path)!r}, "command").write_text(" ".join(sys.argv[1:3]))
        shutil.copy(given, {str(tmp_path / "given.yaml")!r})
    """
    file.write_text(dedent(head) + program)
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


MAKE = """
os.makedirs(prefix + "/bin")
os.makedirs(prefix + "/lib/python3.10/site-packages/numpy-1.26.4.dist-info")
os.symlink(sys.executable, prefix + "/bin/python")
"""


def choose(home: Path, declared: DeclaredEnvironment) -> Interpreter:
    needs = Needs(adds=("pyarrow>=14",))
    return choose_interpreter(home, declared, "conda", needs=needs, log=lambda _: None)


@pytest.mark.parametrize("name", ["conda", "mamba", "micromamba"])
def test_the_whole_conda_file_is_made_by_what_there_is(
    tmp_path: Path,
    home: Path,
    declared: DeclaredEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    stand_in(tmp_path, monkeypatch, name, MAKE)
    found = choose(home, declared)
    assert (tmp_path / "command").read_text() == "env create"
    assert yaml.safe_load((tmp_path / "given.yaml").read_text()) == {
        "channels": ["conda-forge"],
        "dependencies": [
            "python=3.10",
            "numpy=1.26",
            "libgcc-ng",
            "pip",
            {"pip": ["six==1.16.0", "idna", "pyarrow>=14"]},
        ],
    }
    (entry,) = entries(home)
    assert found.python == str(entry.python)
    assert (entry.venv.manager, entry.venv.python) == ("conda", "3.10")
    assert entry.venv.resolved == ("numpy==1.26.4",)
    assert not list(home.glob("venvs/*/conda.yaml"))
    assert choose(home, declared) == found


def test_a_shell_may_name_the_program(
    tmp_path: Path, home: Path, declared: DeclaredEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "micromamba", MAKE)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("MAMBA_EXE", str(tmp_path / "bin" / "micromamba"))
    assert choose(home, declared).python is not None


def test_what_declares_no_conda_file_is_made_one(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "conda", MAKE)
    choose(home, DeclaredEnvironment("m", python="3.10.13", requirements=("six",)))
    assert yaml.safe_load((tmp_path / "given.yaml").read_text()) == {
        "dependencies": ["python=3.10", "pip", {"pip": ["six", "pyarrow>=14"]}]
    }


def test_where_there_is_no_conda_the_way_out_is_named(
    home: Path, declared: DeclaredEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PATH", "CONDA_EXE", "MAMBA_EXE"):
        monkeypatch.setenv(variable, "")
    with pytest.raises(EnvironmentRefused, match="needs conda, mamba or micromamba"):
        choose(home, declared)
    assert entries(home) == []


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("ResolvePackageNotFound:\n  - libgcc-ng", WrongUsage),
        ("CondaHTTPError: HTTP 000 CONNECTION FAILED", EnvironmentRefused),
    ],
)
def test_what_conda_refuses_is_told_in_one_line(
    tmp_path: Path,
    home: Path,
    declared: DeclaredEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    error: type[Exception],
) -> None:
    stand_in(tmp_path, monkeypatch, "mamba", f"print({said!r}, file=sys.stderr); sys.exit(1)\n")
    with pytest.raises(error) as refused:
        choose(home, declared)
    text = str(refused.value)
    assert " ".join(said.split()) in text
    assert "\n" not in text
    assert entries(home) == []


def test_a_file_that_only_conda_can_make_is_offered_conda_where_there_is_one(
    tmp_path: Path, home: Path, declared: DeclaredEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, "micromamba", MAKE)
    with pytest.raises(
        WrongUsage, match=r"libgcc-ng is a package of conda's .* --env-manager conda"
    ):
        choose_interpreter(home, declared, "auto", needs=Needs(), log=lambda _: None)
