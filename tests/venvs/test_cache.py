from __future__ import annotations

import fcntl
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, NotFound
from runner.venvs.cache import (
    Venv,
    complete,
    entries,
    entry,
    folder_of,
    hold,
    making,
    remove_entry,
    write_record,
)


def lay(home: Path, name: str, made: str = "2026-01-01T00:00:00.000+00:00") -> Venv:
    """Return an entry as it is once it was made."""
    python = folder_of(home, name) / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    venv = Venv(
        name=name,
        manager="uv",
        source="m",
        python="3.11.7",
        declared_python=None,
        declared=("six",),
        build_tools=(),
        options=(),
        resolved=("six==1.16.0",),
        added=(),
        left_out=(),
        seconds=0.1,
        size=1,
        made=made,
    )
    write_record(home, venv)
    return venv


def test_a_record_is_read_as_it_was_written(home: Path) -> None:
    venv = lay(home, "aa11")
    assert complete(home, "aa11") == venv
    assert complete(home, "bb22") is None


def test_a_record_of_another_version_is_none(home: Path) -> None:
    write_record(home, replace(lay(home, "aa11"), version=0))
    assert complete(home, "aa11") is None


def test_entries_are_listed_by_their_last_use(home: Path) -> None:
    lay(home, "aa11", "2026-01-01T00:00:00.000+00:00")
    lay(home, "bb22", "2026-01-02T00:00:00.000+00:00")
    assert [found.venv.name for found in entries(home)] == ["bb22", "aa11"]
    hold(home, "aa11", "deployment blue").close()
    hold(home, "aa11", "deployment green").close()
    hold(home, "aa11", "deployment blue").close()
    (first, _) = entries(home)
    assert first.venv.name == "aa11"
    assert [use.owner for use in first.uses] == ["deployment blue", "deployment green"]


def test_a_name_may_be_cut_short_where_that_is_clear(home: Path) -> None:
    lay(home, "aa11")
    lay(home, "aa22")
    assert entry(home, "aa1").venv.name == "aa11"
    for name, why in (("aa", "more than one venv"), ("bb", "no venv"), ("", "no venv")):
        with pytest.raises(NotFound, match=why):
            entry(home, name)
    assert entries(home / "nowhere") == []


def test_one_that_was_not_made_to_its_end_is_told_so_and_can_be_removed(home: Path) -> None:
    lay(home, "aa11")
    (folder_of(home, "aa11") / "record.json").unlink()
    assert entries(home) == []
    with pytest.raises(NotFound, match="was not made to its end"):
        entry(home, "aa11")
    remove_entry(home, "aa11")
    assert not folder_of(home, "aa11").exists()


def test_one_that_is_being_made_is_not_removed(home: Path) -> None:
    lay(home, "aa11")
    (folder_of(home, "aa11") / "record.json").unlink()
    with (
        making(home, "aa11", print),
        pytest.raises(EnvironmentRefused, match="aa11 is being made: wait for its end"),
    ):
        remove_entry(home, "aa11")


def test_a_process_that_inherits_the_lock_keeps_the_entry(home: Path) -> None:
    lay(home, "aa11")
    file = hold(home, "aa11", "deployment blue")
    command = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    heir = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=(file.fileno(),))
    file.close()
    with pytest.raises(EnvironmentRefused, match="is in use"):
        remove_entry(home, "aa11")
    heir.communicate()
    remove_entry(home, "aa11")
    assert entries(home) == []


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_anew(home: Path) -> None:
    lay(home, "aa11")
    path = home / "venvs" / "aa11.lock"
    path.touch()
    program = (
        "import sys; from pathlib import Path; from runner.venvs.cache import making\n"
        "log = lambda line: print(line, flush=True)\n"
        "with making(Path(sys.argv[1]), 'aa11', log) as lock:\n"
        "    import os; print(os.fstat(lock.fileno()).st_ino)\n"
    )
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            [sys.executable, "-c", program, str(home)],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout is not None
        assert waiting.stdout.readline().startswith("waiting for another process")
        old = path.rename(path.with_suffix(".old"))
    told, _ = waiting.communicate(timeout=30)
    assert int(told) == path.stat().st_ino != old.stat().st_ino


def test_of_several_processes_of_one_user_those_that_still_run_are_named(home: Path) -> None:
    lay(home, "aa11")
    program = (
        "import sys; from pathlib import Path; from runner.venvs.cache import hold\n"
        "file = hold(Path(sys.argv[1]), 'aa11', 'blue'); print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(home)]
    first, second = [
        subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in (first, second):
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
    second.communicate()
    assert [use.owner for use in entry(home, "aa11").uses] == ["blue"]
    with pytest.raises(EnvironmentRefused, match=rf"in use by blue \(process {first.pid}\): wait"):
        remove_entry(home, "aa11")
    first.communicate()
    hold(home, "aa11", "blue").close()
    assert len(list((folder_of(home, "aa11") / "used").iterdir())) == 1
