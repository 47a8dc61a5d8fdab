"""Files of a volume: sent whole, fetched in pieces, whatever becomes of the connection."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from runner.assets.content import hash_path, scan
from runner.databricks import codes, files, volume
from runner.databricks.connection import Connection
from runner.databricks.files import create_file, list_folder, read_file, remove_folder, send_file
from runner.databricks.volume import fetch, find_content, upload
from runner.errors import EnvironmentRefused, NotFound, WrongUsage
from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.securables import VOLUME
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.faults import Drop, ExpireTokens, Fault, unavailable

FAULTS = [Drop("before"), Drop("middle"), Drop("after"), ExpireTokens(), unavailable()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.csv").write_bytes(b"1,2\n")
    (folder / "deep" / "ü b#%.csv").write_bytes(b"3\n")
    (folder / "deep" / "er" / "empty").touch()
    return folder


def send(connection: Connection, folder: str, source: Path, *, again: bool = False) -> str:
    return upload(connection, folder, scan(source), {}, lambda _: None, again=again)


def test_a_folder_comes_back_as_it_went(
    lake: SeededLake, connection: Connection, source: Path, tmp_path: Path
) -> None:
    folder = f"{lake.volume}/sent"
    assert send(connection, folder, source) == hash_path(source)
    content = find_content(connection, folder)
    assert [file.name for file in content.files] == ["a.csv", "deep/er/empty", "deep/ü b#%.csv"]
    told: list[int] = []
    fetch(connection, folder, tmp_path / "copy", lambda done, _: told.append(done))
    assert hash_path(tmp_path / "copy") == hash_path(source)
    assert max(told) == content.size
    single = find_content(connection, f"{folder}/a.csv")
    assert (single.shape, b"".join(single.files[0].read())) == ("file", b"1,2\n")


def test_the_sdk_reads_what_was_sent(
    lake: SeededLake, connection: Connection, source: Path
) -> None:
    send(connection, f"{lake.volume}/sent", source)
    client = sign_in(lake)
    found = client.files.list_directory_contents(f"{lake.volume}/sent")
    assert [(entry.name, entry.is_directory) for entry in found] == [
        ("a.csv", False),
        ("deep", True),
    ]
    contents = client.files.download(f"{lake.volume}/sent/deep/ü b#%.csv").contents
    assert contents is not None
    assert contents.read() == b"3\n"


def test_what_the_sdk_sent_is_read(
    lake: SeededLake, connection: Connection, tmp_path: Path
) -> None:
    sign_in(lake).files.upload(f"{lake.volume}/theirs/x.bin", io.BytesIO(b"theirs"))
    (file,) = fetch(connection, f"{lake.volume}/theirs/x.bin", tmp_path, lambda *_: None)
    assert file.read_bytes() == b"theirs"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("piece", [1 << 20, 16])
def test_a_file_is_sent_and_fetched_whatever_becomes_of_the_connection(
    lake: SeededLake,
    connection: Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    piece: int,
) -> None:
    monkeypatch.setattr(files, "PIECE", piece)
    (tmp_path / "large").write_bytes(os.urandom(100))
    content = scan(tmp_path / "large")
    counted: list[int] = []
    path = f"{lake.volume}/large"
    lake.emulator.faults.inject(fault, path="*/fs/files/*")
    assert send_file(connection, path, content.files[0], counted.append)
    assert sum(counted) == 100
    assert lake.local(path).read_bytes() == (tmp_path / "large").read_bytes()
    lake.emulator.faults.inject(fault, path="*/fs/files/*")
    (copy,) = fetch(connection, path, tmp_path / "copy", lambda *_: None)
    assert copy.read_bytes() == (tmp_path / "large").read_bytes()


def test_a_file_that_changes_while_it_is_read_is_refused(
    lake: SeededLake, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE", 4)
    lake.put_file("a", b"12345678")
    content = find_content(connection, f"{lake.volume}/a")
    lake.put_file("a", b"123456")
    with pytest.raises(EnvironmentRefused, match="changed while it was being read"):
        list(content.files[0].read())


def test_what_was_cut_off_is_sent_on_and_not_anew(
    lake: SeededLake, connection: Connection, source: Path
) -> None:
    folder = f"{lake.volume}/sent"
    send(connection, folder, source)
    lake.local(f"{folder}/deep/ü b#%.csv").unlink()
    before = lake.local(f"{folder}/a.csv").stat().st_mtime_ns
    assert send(connection, folder, source, again=True) == hash_path(source)
    assert lake.local(f"{folder}/deep/ü b#%.csv").read_bytes() == b"3\n"
    assert lake.local(f"{folder}/a.csv").stat().st_mtime_ns == before


def test_a_file_that_is_there_is_not_created(lake: SeededLake, connection: Connection) -> None:
    path = f"{lake.volume}/claim"
    assert create_file(connection, path, b"mine")
    assert not create_file(connection, path, b"theirs")
    assert read_file(connection, path) == b"mine"


def test_a_folder_goes_with_all_below_it(
    lake: SeededLake, connection: Connection, source: Path
) -> None:
    send(connection, f"{lake.volume}/sent", source)
    remove_folder(connection, f"{lake.volume}/sent")
    assert list_folder(connection, f"{lake.volume}/sent") == []
    remove_folder(connection, f"{lake.volume}/sent")


def test_where_there_is_nothing_the_place_is_named(
    lake: SeededLake, connection: Connection
) -> None:
    with pytest.raises(NotFound, match=rf"nothing at {lake.volume}/nowhere"):
        find_content(connection, f"{lake.volume}/nowhere/")


def test_a_file_too_large_for_the_interface_is_refused_before_anything_is_sent(
    lake: SeededLake, connection: Connection, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "LARGEST", 3)
    with pytest.raises(WrongUsage, match=r"a\.csv has .*in one piece"):
        send(connection, f"{lake.volume}/sent", source)
    assert list_folder(connection, f"{lake.volume}/sent") == []


def test_a_volume_without_permission_names_the_grant_that_helps(
    lake: SeededLake, connection: Connection, source: Path
) -> None:
    lake.lose_rights()
    with pytest.raises(EnvironmentRefused, match=r"`GRANT READ VOLUME ON VOLUME lake\.scoring\.fi"):
        find_content(connection, lake.volume)
    lake.grant(VOLUME, "lake.scoring.files", ["READ_VOLUME"])
    with pytest.raises(EnvironmentRefused, match=r"`GRANT READ VOLUME, WRITE VOLUME ON VOLUME lak"):
        send(connection, f"{lake.volume}/sent", source)


def test_code_that_changes_while_it_is_being_sent_is_sent_again(
    connection: Connection, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "score.py").write_text("a = 1\n")

    def late(*given: Any, **named: Any) -> str:
        (source / "score.py").write_text("a = 2\n")
        return upload(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(codes, "upload", late)
        with pytest.raises(EnvironmentRefused, match="source changed while it was being sent"):
            codes.send_code(connection, source)
    (source / "score.py").write_text("a = 1\n")
    place = f"{connection.outputs.volume}/{codes.send_code(connection, source)}"
    content = find_content(connection, place)
    (found,) = [file for file in content.files if file.name == "score.py"]
    assert b"".join(found.read()) == b"a = 1\n"
