from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.venvs.cache import Venv, entry, remove_entry
from runner.venvs.choosing import choose_interpreter, make_again
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.needs import Needs

from .wheels import Index, make_wheel, serve_index


def made(home: Path, declared: DeclaredEnvironment) -> Venv:
    needs = Needs(adds=("part",))
    found = choose_interpreter(home, declared, "uv", needs=needs, log=lambda _: None)
    assert found.venv is not None
    return entry(home, found.venv).venv


def again(home: Path, venv: Venv) -> tuple[Venv, list[str]]:
    told: list[str] = []
    make_again(home, venv, told.append)
    return entry(home, venv.name).venv, told


def test_one_that_is_there_is_left_alone(home: Path, index: Index) -> None:
    venv = made(home, DeclaredEnvironment("m", requirements=("part==1.0",)))
    assert again(home, venv) == (venv, [])


def test_one_that_was_removed_gets_the_packages_that_it_had(
    home: Path, index: Index, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "model", "own", "1.0", "steps")
    make_wheel(index.folder, "steps", "1.0")
    venv = made(home, DeclaredEnvironment("m", requirements=(str(wheel),)))
    assert venv.resolved == ("own==1.0", "part==2.0", "steps==1.0")
    remove_entry(home, venv.name)
    make_wheel(index.folder, "steps", "2.0")
    found, told = again(home, venv)
    assert found.resolved == venv.resolved
    assert (found.declared, found.added, found.source) == (venv.declared, venv.added, venv.source)
    assert told[0].startswith("making the environment of m: Python ")


def test_one_whose_packages_are_gone_is_refused_with_the_way_out(
    home: Path, index: Index, tmp_path: Path
) -> None:
    wheel = make_wheel(index.folder, "passing", "1.0")
    venv = made(home, DeclaredEnvironment("m", requirements=("passing==1.0",)))
    remove_entry(home, venv.name)
    wheel.unlink()
    with pytest.raises(EnvironmentRefused, match="can't be made again as it was: begin the job"):
        again(home, venv)


def test_a_key_by_a_variable_is_there_again(
    home: Path, wheels: Path, uv_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_KEY", "s3cret-key")
    with serve_index(wheels, key="s3cret-key") as index:
        address = index.url.replace("//", "//someone:${INDEX_KEY}@")
        options = (f"--index-url {address}",)
        venv = made(home, DeclaredEnvironment("m", requirements=("tool==1.0",), options=options))
        remove_entry(home, venv.name)
        assert again(home, venv)[0].resolved == venv.resolved
