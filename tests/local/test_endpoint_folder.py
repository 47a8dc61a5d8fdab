"""An online endpoint's folder: one key, and the address of who serves it."""

from __future__ import annotations

import stat
from pathlib import Path

from runner.local.endpoint_folder import (
    Address,
    announce,
    endpoint_folder,
    key_file,
    read_key,
    served_at,
    withdraw,
)

from .conftest import Together

READ = """
from pathlib import Path
from runner.local.endpoint_folder import read_key
def work(folder):
    print(read_key(Path(folder)))
"""
SERVE = """
from pathlib import Path
from runner.local.endpoint_folder import Address, announce
from runner.local.job_lock import lock
import subprocess, sys
def work(folder, look):
    held = lock(Path(folder))
    announce(Path(folder), Address("127.0.0.1", 7))
    print(subprocess.check_output([sys.executable, "-c", look, folder], text=True))
"""
LOOK = """
import sys
from pathlib import Path
from runner.local.endpoint_folder import served_at
print(served_at(Path(sys.argv[1])).uri)
"""


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    folder = endpoint_folder(tmp_path, "here")
    key = read_key(folder)
    assert len(key) >= 40
    assert read_key(endpoint_folder(tmp_path, "here")) == key
    assert read_key(endpoint_folder(tmp_path, "there")) != key
    assert stat.S_IMODE(key_file(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    assert [path.name for path in folder.iterdir()] == ["key"]


def test_all_that_ask_for_the_key_at_once_get_the_same(tmp_path: Path, together: Together) -> None:
    folder = endpoint_folder(tmp_path, "here")
    assert len(set(together(READ, [[folder]] * 4))) == 1


def test_an_address_counts_only_while_somebody_serves(tmp_path: Path, together: Together) -> None:
    folder = endpoint_folder(tmp_path, "here")
    assert served_at(folder) is None
    (found,) = together(SERVE, [[folder, LOOK]])
    assert found.strip() == "http://127.0.0.1:7/score"
    assert (folder / "server.json").exists()
    assert served_at(folder) is None


def test_a_withdrawn_address_is_gone(tmp_path: Path) -> None:
    folder = endpoint_folder(tmp_path, "here")
    announce(folder, Address("127.0.0.1", 7))
    withdraw(folder)
    withdraw(folder)
    assert not (folder / "server.json").exists()


def test_an_address_of_version_six_stands_in_brackets() -> None:
    assert Address("::1", 5001).uri == "http://[::1]:5001/score"
