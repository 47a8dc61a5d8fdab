"""`runner venvs`, over entries as they are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.venvs.cache import Venv, complete, folder_of, hold, python_of, write_record

from .conftest import Run

DECLARED = ("scikit-learn==1.5.2",)


def add(home: Path, name: str) -> None:
    """Add an entry whose Python is a file that can be run."""
    python = python_of(folder_of(home, name))
    python.parent.mkdir(parents=True)
    python.touch(0o755)
    write_record(
        home,
        Venv(
            name=name,
            manager="uv",
            source=str(home.parent / "models" / "old" / "conda.yml"),
            python="3.10.13",
            declared_python="3.10",
            declared=DECLARED,
            build_tools=("setuptools",),
            options=(),
            resolved=("numpy==1.26.4", "scikit-learn==1.5.2"),
            added=("pyarrow>=14",),
            left_out=("azureml-core",),
            seconds=2.5,
            size=2_000_000,
            made="2026-03-01T14:05:09+00:00",
        ),
    )


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Path:
    """Return a workspace with two venvs, one of which was used."""
    (tmp_path / "Pulumi.yaml").write_text("name: here\n")
    home = tmp_path / ".runner"
    for name in ("0a1b2c", "0f9e8d"):
        add(home, name)
    hold(home, "0a1b2c", "old-batch/main").close()
    return home


def test_list_has_the_last_used_first_with_who_used_it(run: Run) -> None:
    titles, used, unused = (line.split() for line in run("venvs", "list").out.splitlines())
    assert titles[:2] == ["venv", "python"]
    assert used[:5] == ["0a1b2c", "3.10.13", "2", "2", "MB"]
    assert used[-2:] == ["old-batch/main", "models/old/conda.yml"]
    assert unused[0] == "0f9e8d"
    listed = json.loads(run("venvs", "list", "-o", "json").out)
    assert [(venv["name"], venv["size"]) for venv in listed] == [
        ("0a1b2c", 2_000_000),
        ("0f9e8d", 2_000_000),
    ]
    assert listed[0]["uses"][0]["owner"] == "old-batch/main"
    assert listed[0]["last_used"] == listed[0]["uses"][0]["at"]
    assert listed[1]["last_used"] is None


def test_show_tells_what_one_was_made_of_by_the_beginning_of_its_name(run: Run, home: Path) -> None:
    told = run("venvs", "show", "0a").out.splitlines()
    lines = dict(line.split(maxsplit=1) for line in told if not line.startswith(" "))
    assert lines["venv"] == "0a1b2c"
    assert lines["python"] == "3.10.13, of 3.10 that is declared"
    assert lines["declared"] == "scikit-learn==1.5.2"
    assert lines["added"] == "pyarrow>=14"
    assert lines["packages"] == "numpy==1.26.4"
    shown = json.loads(run("venvs", "show", "0f9e8d", "-o", "json").out)
    assert shown["left_out"] == ["azureml-core"]
    assert shown["folder"] == str(folder_of(home, "0f9e8d"))
    for name in ("0", "none"):
        result = run("venvs", "show", name)
        assert result.status == 3
        assert "`runner venvs list` has them" in result.err


def test_what_is_in_use_stays_and_is_told_with_who_uses_it(run: Run, home: Path) -> None:
    with hold(home, "0a1b2c", "old-online/blue"):
        named = run("venvs", "remove", "0a1b2c")
        assert named.status == 3
        assert "is in use by old-online/blue (process " in named.err
        every = run("venvs", "remove", "--all", "-o", "json")
        assert every.status == 3
        told = json.loads(every.out)
        assert told["removed"] == ["0f9e8d"]
        assert told["bytes"] > 0
        unused = run("venvs", "remove", "--unused")
        assert (unused.status, unused.out) == (0, "")
    assert complete(home, "0a1b2c") is not None
    last = run("venvs", "remove", "0a")
    assert (last.status, last.out) == (0, "0a1b2c\n")
    assert last.err.startswith("removed 1 venv, which frees ")
    assert complete(home, "0a1b2c") is None


@pytest.mark.parametrize("words", ["abcdef", "--all", "--unused"])
def test_what_was_not_made_to_its_end_is_removed_as_well(run: Run, home: Path, words: str) -> None:
    unfinished = folder_of(home, "abcdef")
    (unfinished / "venv").mkdir(parents=True)
    assert "abcdef" not in run("venvs", "list").out
    assert "abcdef" in run("venvs", "remove", words).out
    assert not unfinished.exists()


@pytest.mark.parametrize("words", [[], ["0a1b2c", "--all"], ["--all", "--unused"]])
def test_which_are_removed_is_said_in_one_way(run: Run, words: list[str]) -> None:
    result = run("venvs", "remove", *words)
    assert result.status == 2
    assert "give NAMEs, or --all, or --unused" in result.err


def test_they_are_made_on_this_machine_alone(run: Run) -> None:
    result = run("venvs", "list", "--env", "dev")
    assert result.status == 2
    assert "not in environment dev; use --env local" in result.err
