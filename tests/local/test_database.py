from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import EnvironmentRefused
from runner.local import database
from runner.local.database import FILE_NAME, SCHEMA_VERSION, decode, encode, opened, transaction

Together = Callable[[str, list[tuple[object, ...]]], list[str]]
INSERT = "INSERT INTO jobs (name, type, status, created_at) VALUES (?, 'batch', 'Queued', '')"


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT COUNT(*) FROM jobs").fetchone()[0])


def names(home: Path) -> list[str]:
    with opened(home) as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM jobs ORDER BY name")]


def fill(home: Path) -> None:
    """Write more than the database may hold."""
    with opened(home) as connection:
        connection.execute("PRAGMA max_page_count = 1")  # beyond it SQLite says: disk full
        with transaction(connection):
            connection.executemany(INSERT, [[f"job-{number}"] for number in range(10_000)])


def test_a_new_workspace_is_made_with_its_folders_and_is_empty(tmp_path: Path) -> None:
    with opened(tmp_path / "deep" / "home") as connection:
        assert count(connection) == 0
        assert connection.execute("SELECT COUNT(*) FROM assets").fetchone()[0] == 0
    assert (tmp_path / "deep" / "home" / FILE_NAME).is_file()


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        connection.execute(INSERT, ["one"])
    assert names(tmp_path) == ["one"]


def test_it_uses_a_write_ahead_log_and_waits_for_other_processes(tmp_path: Path) -> None:
    for _ in range(2):
        with opened(tmp_path) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2
            assert connection.execute("PRAGMA busy_timeout").fetchone()[0] > 1000


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        with pytest.raises(sqlite3.IntegrityError), transaction(connection):
            connection.executemany(INSERT, [["one"], ["one"]])
        assert count(connection) == 0
        with transaction(connection):
            connection.execute(INSERT, ["two"])
        assert count(connection) == 1


def test_a_reader_sees_a_transaction_only_when_it_is_done(tmp_path: Path) -> None:
    with opened(tmp_path) as writer, opened(tmp_path) as reader:
        with transaction(writer):
            writer.execute(INSERT, ["one"])
            assert count(reader) == 0
        assert count(reader) == 1


def test_processes_that_make_a_new_workspace_at_once_all_succeed(
    tmp_path: Path, together: Together
) -> None:
    script = """
from pathlib import Path
from runner.local.database import opened, transaction
def work(home, insert, name):
    with opened(Path(home)) as connection, transaction(connection):
        connection.execute(insert, [name])
"""
    for turn in range(4):
        home = tmp_path / str(turn)
        together(script, [(home, INSERT, name) for name in "abcd"])
        assert names(home) == list("abcd")


FIRST_SCHEMA = """
CREATE TABLE jobs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, type TEXT NOT NULL,
    status TEXT NOT NULL, created_at TEXT NOT NULL, started_at TEXT, ended_at TEXT, endpoint TEXT,
    deployment TEXT, model TEXT, input TEXT, output TEXT, error TEXT
);
CREATE TABLE assets (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL,
    version TEXT NOT NULL, type TEXT NOT NULL, content_hash TEXT NOT NULL, base_name TEXT NOT NULL,
    created_at TEXT NOT NULL, description TEXT NOT NULL, tags TEXT NOT NULL,
    job TEXT REFERENCES jobs (name), UNIQUE (kind, name, version)
);
PRAGMA user_version = 1;
INSERT INTO jobs (name, type, status, created_at) VALUES ('train-1', 'command', 'Completed', '');
INSERT INTO assets (sequence, kind, name, version, type, content_hash, base_name, created_at,
                    description, tags, job)
VALUES (3, 'data', 'lines', '7', 'uri_file', 'aa', 'lines.csv', '2025-01-01', 'few', '{}', NULL),
       (5, 'model', 'm', '1', 'custom_model', 'bb', 'model', '2025-01-02', '', '{"a": "b"}',
        'train-1');
"""


@pytest.fixture
def first_home(tmp_path: Path) -> Path:
    """Return a workspace of the first schema, with a job, data and a model that the job made."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(FIRST_SCHEMA)
    return tmp_path


def test_a_workspace_of_the_first_schema_keeps_all_it_has(first_home: Path) -> None:
    with opened(first_home) as connection:
        rows = connection.execute("SELECT * FROM assets ORDER BY sequence").fetchall()
        jobs = [row["name"] for row in connection.execute("SELECT name FROM jobs")]
        new = connection.execute(
            "INSERT INTO assets (kind, name, version, type, content_hash, base_name, created_at,"
            " description, tags, properties)"
            " VALUES ('data', 'lines', '8', 'uri_file', 'cc', 'lines.csv', '', '', '{}', '{}')"
            " RETURNING sequence"
        ).fetchone()
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert {row["name"] for row in tables} == {"jobs", "assets", "sqlite_sequence"}
    old = ("sequence", "name", "version", "base_name", "description", "tags", "job")
    assert [tuple(row[column] for column in old) for row in rows] == [
        (3, "lines", "7", "lines.csv", "few", "{}", None),
        (5, "m", "1", "model", "", '{"a": "b"}', "train-1"),
    ]
    assert {(row["properties"], row["stage"], row["origin"]) for row in rows} == {
        ("{}", None, None)
    }
    assert (jobs, new["sequence"]) == (["train-1"], 6)


def test_an_older_workspace_has_the_schema_of_a_new_one(first_home: Path) -> None:
    def schema(home: Path) -> dict[str, list[tuple[object, ...]]]:
        with opened(home) as connection:
            return {
                table: [tuple(row) for row in connection.execute(f"PRAGMA table_info({table})")]
                for table in ("jobs", "assets")
            }

    assert schema(first_home) == schema(first_home / "new")


def test_processes_that_open_an_older_workspace_at_once_all_succeed(
    first_home: Path, together: Together
) -> None:
    script = """
from pathlib import Path
from runner.local.database import opened, transaction
def work(home, insert, name):
    with opened(Path(home)) as connection, transaction(connection):
        connection.execute(insert, [name])
        print(connection.execute("SELECT COUNT(*) FROM assets").fetchone()[0])
"""
    said = together(script, [(first_home, INSERT, name) for name in "abcd"])
    assert said == ["2\n"] * 4
    assert names(first_home) == [*"abcd", "train-1"]


def test_an_older_workspace_that_cannot_be_changed_is_left_as_it_is(
    first_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_STATEMENTS", {1: (*database._FROM_1, "SELECT broken")})
    with pytest.raises(EnvironmentRefused, match="broken"):
        names(first_home)
    with closing(sqlite3.connect(first_home / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        assert connection.execute("SELECT COUNT(*) FROM assets").fetchone()[0] == 2
        connection.execute("SELECT job FROM assets")


def test_counting_up_in_transactions_of_several_processes_loses_nothing(
    tmp_path: Path, together: Together
) -> None:
    script = """
from pathlib import Path
from runner.local.database import opened, transaction
def work(home, insert):
    for _ in range(50):
        with opened(Path(home)) as connection, transaction(connection):
            count = connection.execute("SELECT COUNT(*) FROM jobs").fetchone()[0]
            connection.execute(insert, [str(count)])
"""
    together(script, [(tmp_path, INSERT)] * 3)
    assert set(names(tmp_path)) == {str(number) for number in range(150)}


def test_a_workspace_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(EnvironmentRefused, match=r"workspace\.db was made by a newer version"):
        names(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_damaged_file_is_refused_with_its_name_and_left_as_it_is(
    tmp_path: Path, keep: int
) -> None:
    with opened(tmp_path) as connection:
        for number in range(500):
            connection.execute(INSERT, [f"job-{number}"])
    file = tmp_path / FILE_NAME
    damaged = file.read_bytes()[:keep] + b"not a database " * 1000
    file.write_bytes(damaged)
    with pytest.raises(EnvironmentRefused, match=r"workspace\.db is damaged .*move it away"):
        names(tmp_path)
    assert file.read_bytes() == damaged


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("")
    for place in (home, home / "below"):
        with pytest.raises(EnvironmentRefused, match=r"home.* is not a folder.*RUNNER_HOME"):
            names(place)


def test_a_home_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(EnvironmentRefused, match=r"can't make the workspace folder /proc/.*/home"):
        names(Path("/proc/self/home"))


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(EnvironmentRefused, match=r"can't use .*workspace\.db .*RUNNER_HOME"):
        names(tmp_path)


def test_a_full_disk_is_one_line_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefused, match=r"no room left for .*workspace\.db"):
        fill(tmp_path)
    with opened(tmp_path) as connection:
        assert count(connection) == 0


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_writer_that_never_ends_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: bool, lock: str
) -> None:
    if not new:
        names(tmp_path)
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    stuck = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    with closing(stuck):
        stuck.execute(f"BEGIN {lock}")
        with pytest.raises(EnvironmentRefused, match=r"workspace\.db has been busy"):
            fill(tmp_path)


def test_a_caller_sees_its_own_mistakes_as_they_are(tmp_path: Path) -> None:
    with opened(tmp_path) as connection:
        connection.execute(INSERT, ["one"])
    with pytest.raises(sqlite3.IntegrityError), opened(tmp_path) as connection:
        connection.execute(INSERT, ["one"])


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_any_file_name_comes_back_from_a_column(text: str) -> None:
    connection = sqlite3.connect(":memory:")
    value = connection.execute("SELECT ?", [encode(text)]).fetchone()[0]
    connection.close()
    assert decode(value) == text


def test_no_text_stays_no_text() -> None:
    assert encode(None) is None
    assert decode(None) is None
