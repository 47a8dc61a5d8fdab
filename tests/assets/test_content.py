from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.assets.content import (
    CHUNK,
    Content,
    ContentFile,
    counted,
    hash_content,
    hash_file,
    hash_path,
    scan,
)
from runner.errors import WrongUsage
from runner.local.files import contents, store, store_content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "folder"
    (path / "b").mkdir(parents=True)
    (path / "b" / "c").write_bytes(b"c" * (CHUNK + 1))
    (path / "a").write_bytes(b"")
    return path


def test_a_hash_is_of_names_and_contents(folder: Path) -> None:
    empty, long = (hashlib.sha256(content).hexdigest() for content in (b"", b"c" * (CHUNK + 1)))
    listed = f"folder\0{empty} a\0{long} b/c\0".encode()
    assert hash_path(folder) == hashlib.sha256(listed).hexdigest()
    assert hash_path(folder) == hash_content("folder", [("a", empty), ("b/c", long)])


@pytest.mark.parametrize("inside", ["", "b/c"])
def test_it_is_the_hash_that_the_local_workspace_keeps(
    folder: Path, tmp_path: Path, inside: str
) -> None:
    tree = store(tmp_path / "home", folder / inside)
    assert tree.hash == hash_path(folder / inside)
    stored = contents(tmp_path / "home", tree.hash)
    assert store_content(tmp_path / "other", stored).hash == tree.hash


def test_a_scan_lists_names_and_sizes_in_order_and_reads_as_often_as_asked(folder: Path) -> None:
    content = scan(folder)
    assert (content.shape, content.size) == ("folder", CHUNK + 1)
    assert [(file.name, file.size) for file in content.files] == [("a", 0), ("b/c", CHUNK + 1)]
    big = content.files[1]
    assert hash_file(big) == hash_file(big)
    assert [len(chunk) for chunk in big.read()] == [CHUNK, 1]


def test_a_file_is_named_as_it_was_given_and_not_as_what_it_links_to(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(folder / "b" / "c")
    content = scan(tmp_path / "link")
    assert (content.shape, content.files[0].name) == ("file", "link")


def test_the_size_of_a_folder_is_added_up_once_however_often_it_is_asked_for() -> None:
    class Counted(tuple[ContentFile, ...]):
        looks = 0

        def __iter__(self) -> Iterator[ContentFile]:
            self.looks += 1
            return super().__iter__()

    files = Counted(ContentFile(name, 2, lambda: iter([b"12"])) for name in "abc")
    content = Content("folder", files)
    assert [content.size for _ in range(9)] == [6] * 9
    assert files.looks == 1


def test_nothing_is_no_content(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="is empty"):
        scan(tmp_path)
    with pytest.raises(WrongUsage, match="does not exist"):
        scan(tmp_path / "none")


def test_counting_tells_of_the_bytes_of_all_files_and_changes_none(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).write_bytes(b"x" * 1000)
    told: list[int] = []
    content: Content = counted(scan(tmp_path), told.append)
    with ThreadPoolExecutor(4) as pool:
        hashes = list(pool.map(hash_file, content.files))
    assert sorted(told) == [1000 * (number + 1) for number in range(20)]
    assert hashes == [hash_file(file) for file in scan(tmp_path).files]


@pytest.mark.parametrize("put", ["link", "pipe"])
def test_what_takes_a_files_place_after_the_look_at_its_folder_is_not_read(
    tmp_path: Path, put: str
) -> None:
    (tmp_path / "folder").mkdir()
    file, outside = tmp_path / "folder" / "a.csv", tmp_path / "secret"
    file.touch()
    outside.write_text("secret")
    (found,) = scan(tmp_path / "folder").files
    file.unlink()
    if put == "link":
        file.symlink_to(outside)
    else:
        os.mkfifo(file)
    with pytest.raises(WrongUsage, match=r"a\.csv (can't be read|is neither a file nor)"):
        hash_file(found)
