"""The Files API as the unmodified SDK sees it."""

from __future__ import annotations

import io

import pytest
import requests

from tests.emulator.databricks.fixtures import sign_in
from tests.emulator.databricks.seed import SeededLake


def test_a_file_comes_back_as_it_went(lake: SeededLake) -> None:
    client, path = sign_in(lake), f"{lake.volume}/data/new folder/a#b.csv"
    client.files.upload(path, io.BytesIO(b"1,2\n"))
    told = client.files.get_metadata(path)
    assert told.content_length == 4
    content = client.files.download(path).contents
    assert content is not None
    assert content.read() == b"1,2\n"
    assert lake.local(path).read_bytes() == b"1,2\n"
    client.files.delete(path)
    assert not lake.local(path).exists()


def test_a_file_is_not_written_twice_unless_it_is_wanted(lake: SeededLake) -> None:
    from databricks.sdk.errors import AlreadyExists, NotFound

    client, path = sign_in(lake), f"{lake.volume}/a.csv"
    client.files.upload(path, io.BytesIO(b"1"), overwrite=False)
    with pytest.raises(AlreadyExists):
        client.files.upload(path, io.BytesIO(b"2"), overwrite=False)
    client.files.upload(path, io.BytesIO(b"3"), overwrite=True)
    assert lake.local(path).read_bytes() == b"3"
    for wrong in (lake.volume, f"{lake.volume}/nothing"):
        with pytest.raises(NotFound):
            client.files.download(wrong)
    with pytest.raises(NotFound, match=r"Volume 'lake\.scoring\.other' does not exist"):
        client.files.upload("/Volumes/lake/scoring/other/a", io.BytesIO(b""))


def test_directories_are_listed_by_pages_and_go_when_empty(lake: SeededLake) -> None:
    from databricks.sdk.errors import BadRequest, NotFound

    client = sign_in(lake)
    with pytest.raises(NotFound):
        client.files.get_directory_metadata(lake.volume)
    client.files.create_directory(f"{lake.volume}/a/b")
    client.files.create_directory(f"{lake.volume}/a/b")
    for number in range(5):
        lake.put_file(f"a/{number}.csv", b"x" * number)
    lake.databricks.switches.page_size = 2
    found = list(client.files.list_directory_contents(f"{lake.volume}/a"))
    assert [entry.name for entry in found] == ["0.csv", "1.csv", "2.csv", "3.csv", "4.csv", "b"]
    assert [entry.is_directory for entry in found] == [False] * 5 + [True]
    assert (found[4].file_size, found[4].path) == (4, f"{lake.volume}/a/4.csv")
    client.files.get_directory_metadata(f"{lake.volume}/a/b")
    with pytest.raises(BadRequest, match="not empty"):
        client.files.delete_directory(f"{lake.volume}/a")
    client.files.delete_directory(f"{lake.volume}/a/b")
    for gone in ("a/b", "never"):
        with pytest.raises(NotFound):
            client.files.get_directory_metadata(f"{lake.volume}/{gone}")
        with pytest.raises(NotFound):
            list(client.files.list_directory_contents(f"{lake.volume}/{gone}"))


def test_a_part_of_a_file_can_be_had(lake: SeededLake) -> None:
    lake.put_file("log.txt", b"0123456789")
    headers = {"Authorization": f"Bearer {lake.token()}"}
    address = f"{lake.host}/api/2.0/fs/files{lake.volume}/log.txt"
    for asked, part in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89")):
        answered = requests.get(address, headers={**headers, "Range": asked}, timeout=10)
        assert (answered.status_code, answered.content) == (206, part)
    answered = requests.get(address, headers={**headers, "Range": "bytes=10-"}, timeout=10)
    assert answered.status_code == 416


@pytest.mark.parametrize(
    "path", ["/FileStore/a", "/Volumes/lake", "/Volumes/lake/scoring/files/../x"]
)
def test_paths_outside_of_a_volume_are_refused(lake: SeededLake, path: str) -> None:
    status, _ = lake.ask("PUT", f"/api/2.0/fs/files{path}", b"x")
    assert status in (400, 404)
