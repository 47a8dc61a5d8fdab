from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.assets.content import CHUNK, Content, ContentFile, hash_path
from runner.errors import EnvironmentRefused, WrongUsage
from runner.local import files
from runner.local.files import checkout, copy_out, looks_changed, store
from runner.local.files import contents as contents_of
from runner.workspace import Transfer

Together = Callable[[str, list[tuple[object, ...]]], list[str]]

NAMES = (
    st.binary(min_size=1, max_size=12)
    .filter(lambda name: not set(b"/\0") & set(name) and name not in (b".", b".."))
    .map(os.fsdecode)
)
FOLDERS = st.recursive(
    st.dictionaries(NAMES, st.binary(max_size=40), min_size=1, max_size=4),
    lambda children: st.dictionaries(NAMES, children | st.binary(max_size=40), min_size=1),
    max_leaves=6,
)


def write(folder: Path, contents: dict[str, object], backwards: bool = False) -> None:
    folder.mkdir()
    for name, content in sorted(contents.items(), reverse=backwards):
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            assert isinstance(content, dict)
            write(folder / name, content, backwards)


def read(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def check_store(home: Path) -> None:
    """Assert that contents lie under their hashes, and that no temporary file is left."""
    for path in (home / "files").rglob("*"):
        if path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
            assert path.parent.name == path.name[:2]
    assert list((home / "tmp").iterdir()) == []


@given(FOLDERS)
@settings(max_examples=30, deadline=None)
def test_any_folder_comes_out_byte_for_byte(contents: dict[str, object]) -> None:
    with TemporaryDirectory() as place:
        home, source, target = Path(place, "home"), Path(place, "source"), Path(place, "target")
        write(source, contents)
        tree = store(home, source)
        assert read(tree.path) == read(source)
        assert copy_out(home, tree.hash, target) == target
        assert read(target) == read(source)
        assert checkout(home, tree.hash) == tree.path
        check_store(home)


@given(NAMES, st.binary(max_size=100))
@settings(max_examples=15, deadline=None)
def test_any_file_comes_out_byte_for_byte_and_keeps_its_name(name: str, content: bytes) -> None:
    with TemporaryDirectory() as place:
        home, source, target = Path(place, "home"), Path(place, name + "_"), Path(place, "target")
        source.write_bytes(content)
        tree = store(home, source)
        assert tree.path.name == source.name
        assert tree.path.read_bytes() == content
        assert copy_out(home, tree.hash, target).read_bytes() == content
        check_store(home)


@given(FOLDERS, FOLDERS)
@settings(max_examples=30, deadline=None)
def test_hashes_are_equal_exactly_where_names_and_contents_are(
    contents: dict[str, object], others: dict[str, object]
) -> None:
    with TemporaryDirectory() as place:
        first, again, other = (Path(place, name) for name in ("a", "b", "c"))
        write(first, contents)
        write(again, contents, backwards=True)
        write(other, others)
        assert hash_path(first) == hash_path(again)
        assert (hash_path(first) == hash_path(other)) == (read(first) == read(other))


def test_moving_a_byte_between_two_files_or_a_name_and_its_content_changes_the_hash(
    tmp_path: Path,
) -> None:
    folders: list[dict[str, object]] = [
        {"a": b"12", "b": b"3"},
        {"a": b"1", "b": b"23"},
        {"a": b"3", "b": b"12"},
        {"ab": b"12", "c": b"3"},
        {"a": {"b": b"12"}, "c": b"3"},
    ]
    for number, contents in enumerate(folders):
        write(tmp_path / str(number), contents)
    hashes = {store(tmp_path / "home", tmp_path / str(n)).hash for n in range(len(folders))}
    assert len(hashes) == len(folders)


def test_what_an_ignore_file_leaves_out_is_neither_stored_nor_a_change(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "source"
    write(source, {".gitignore": b"real/a\n.env\n", "link": {}, "real": {"a": b"1", "b": b"2"}})
    (source / "link" / "real").symlink_to("../real")
    tree = store(home, source)
    assert set(read(tree.path)) == {".gitignore", "link/real/b", "real/b"}
    (source / ".env").write_bytes(b"SECRET=1")
    (source / "real" / "a").write_bytes(b"3")
    assert not looks_changed(home, tree.hash, source)
    assert store(home, source) == tree
    whole = store(home, source, all_files=True)
    assert ".env" in read(whole.path)
    assert len(contents_of(home, whole.hash).files) == 6


def test_how_far_it_has_come_is_told_while_all_is_read_and_while_what_is_new_is_stored(
    tmp_path: Path,
) -> None:
    write(tmp_path / "source", {"a": b"a" * 3 * CHUNK, "b": b"b", "c": b"b"})
    told: list[Transfer] = []
    store(tmp_path / "home", tmp_path / "source", on_progress=told.append)
    size = 3 * CHUNK
    assert [(transfer.verb, transfer.bytes_done) for transfer in told] == [
        *(("reading", done) for done in (CHUNK, 2 * CHUNK, size, size + 1, size + 2)),
        *(("storing", done) for done in (CHUNK, 2 * CHUNK, size, size + 1)),
    ]
    assert {(transfer.verb, transfer.name, transfer.bytes_all) for transfer in told} == {
        ("reading", "source", size + 2),
        ("storing", "source", size + 1),
    }
    told.clear()
    store(tmp_path / "home", tmp_path / "source", on_progress=told.append)
    assert {transfer.verb for transfer in told} == {"reading"}


def test_memory_does_not_grow_with_the_size_of_a_file(tmp_path: Path) -> None:
    source = tmp_path / "model.bin"
    with source.open("wb") as file:
        file.truncate(64 * CHUNK)  # a hole, which takes no room
    tracemalloc.start()
    try:
        store(tmp_path / "home", source)
        assert tracemalloc.get_traced_memory()[1] < 8 * CHUNK
    finally:
        tracemalloc.stop()


def test_a_file_and_a_folder_that_holds_only_it_are_two_things(tmp_path: Path) -> None:
    write(tmp_path / "folder", {"a.csv": b"1"})
    folder = store(tmp_path / "home", tmp_path / "folder")
    file = store(tmp_path / "home", tmp_path / "folder" / "a.csv")
    assert folder.hash != file.hash
    assert folder.path.is_dir()
    assert file.path.is_file()


def test_names_of_255_bytes_and_outside_ascii_work(tmp_path: Path) -> None:
    contents: dict[str, object] = {
        "ä" * 127 + "x": b"1",
        "数据 с пробелом\n.csv": b"2",
        os.fsdecode(b"\xff\xfe"): b"3",
        "n" * 255: {"m" * 255: b"4"},
    }
    write(tmp_path / "source", contents)
    tree = store(tmp_path / "home", tmp_path / "source")
    copy_out(tmp_path / "home", tree.hash, tmp_path / ("t" * 255))
    assert read(tmp_path / ("t" * 255)) == read(tmp_path / "source")


def test_a_file_of_many_chunks_comes_out_byte_for_byte(tmp_path: Path) -> None:
    content = os.urandom(3 * CHUNK + 17)
    (tmp_path / "big").write_bytes(content)
    (tmp_path / "exact").write_bytes(content[:CHUNK])
    for name in ("big", "exact"):
        tree = store(tmp_path / "home", tmp_path / name)
        assert tree.path.read_bytes() == (tmp_path / name).read_bytes()
    check_store(tmp_path / "home")


def test_storing_again_writes_nothing_but_the_moment(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(tmp_path / "source", {"a": b"1", "b": {"c": b"2"}})
    first = store(home, tmp_path / "source")

    def state() -> dict[Path, tuple[int, int]]:
        return {
            path: (path.stat().st_ino, path.stat().st_mtime_ns)
            for folder in ("files", "trees")
            for path in (home / folder).rglob("*")
            if path != home / "trees" / first.hash
        }

    before = state()
    write(tmp_path / "copy", {"b": {"c": b"2"}, "a": b"1"})
    assert store(home, tmp_path / "copy") == first
    assert state() == before


def test_equal_contents_take_their_room_once(tmp_path: Path) -> None:
    write(tmp_path / "source", {str(number): b"same" for number in range(20)})
    tree = store(tmp_path / "home", tmp_path / "source")
    inodes = {path.stat().st_ino for path in tree.path.iterdir()}
    assert len(inodes) == 1


def test_a_content_is_linked_while_other_threads_keep_it_again(tmp_path: Path) -> None:
    content = Content("file", [ContentFile("a.txt", 1, lambda: iter([b"1"]))])
    tree = files.store_content(tmp_path, content).hash
    stop = threading.Event()

    def keep_again() -> None:
        while not stop.is_set():
            files.store_content(tmp_path, content)

    with ThreadPoolExecutor(3) as threads:
        kept = [threads.submit(keep_again) for _ in range(3)]
        try:
            for number in range(300):
                files.link_out(tmp_path, tree, tmp_path / "linked" / str(number))
        finally:
            stop.set()
        for each in kept:
            each.result()


def test_stored_files_are_read_only_and_copies_are_not(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1"})
    tree = store(tmp_path / "home", tmp_path / "source")
    assert (tree.path / "a").stat().st_mode & 0o222 == 0
    copy_out(tmp_path / "home", tree.hash, tmp_path / "target")
    assert (tmp_path / "target" / "a").stat().st_mode & 0o200
    (tmp_path / "target" / "a").write_bytes(b"2")
    assert (tree.path / "a").read_bytes() == b"1"


def test_a_copy_has_what_was_stored_not_what_was_added_to_the_tree_since(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a.py": b"1"})
    tree = store(tmp_path / "home", tmp_path / "source")
    write(tree.path / "__pycache__", {"a.pyc": b"2"})
    copy_out(tmp_path / "home", tree.hash, tmp_path / "target")
    assert read(tmp_path / "target") == {"a.py": b"1"}


def test_a_tree_that_was_deleted_is_laid_out_anew(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1", "b": {"c": b"2"}})
    home = tmp_path / "home"
    for source in (tmp_path / "source", tmp_path / "source" / "a"):
        tree = store(home, source)
        shutil.rmtree(home / "trees")
        assert checkout(home, tree.hash) == tree.path
        assert tree.path.exists()
    assert read(store(home, tmp_path / "source").path) == read(tmp_path / "source")


def test_a_missing_content_is_named_and_storing_again_brings_it_back(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1", "b": b"2"})
    home = tmp_path / "home"
    tree = store(home, tmp_path / "source")
    lost = hashlib.sha256(b"2").hexdigest()
    (home / "files" / lost[:2] / lost).unlink()
    shutil.rmtree(home / "trees")
    with pytest.raises(EnvironmentRefused, match=f"{lost} is missing: register"):
        checkout(home, tree.hash)
    with pytest.raises(EnvironmentRefused, match=f"{lost} is missing: register"):
        copy_out(home, tree.hash, tmp_path / "target")
    assert not (tmp_path / "target").exists()
    assert list((home / "trees").iterdir()) == []
    assert read(store(home, tmp_path / "source").path) == read(tmp_path / "source")


def test_an_unknown_hash_is_refused(tmp_path: Path) -> None:
    for use in (checkout, lambda home, tree: copy_out(home, tree, tmp_path / "target")):
        with pytest.raises(EnvironmentRefused, match="is missing: register"):
            use(tmp_path / "home", "0" * 64)


@pytest.mark.parametrize(
    "name", [b"../climbs", b"a/../../climbs", b"/climbs", b"", b"a//b", b".", b"..", b"a/./b"]
)
@pytest.mark.parametrize("shape", [b"file", b"folder"])
def test_a_list_with_a_name_that_climbs_out_is_refused(
    tmp_path: Path, shape: bytes, name: bytes
) -> None:
    home = tmp_path / "home"
    write(tmp_path / "source", {"a": b"1"})
    store(home, tmp_path / "source")
    manifest = shape + b"\0" + hashlib.sha256(b"1").hexdigest().encode() + b" " + name + b"\0"
    tree = hashlib.sha256(manifest).hexdigest()
    kept = home / "files" / tree[:2] / tree
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(manifest)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(EnvironmentRefused, match="is not a list of files"):
        checkout(home, tree)
    with pytest.raises(EnvironmentRefused, match="is not a list of files"):
        copy_out(home, tree, tmp_path / "target")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("content", [b"", b"folder\0", b"anything at all", b"file\0x\0y\0"])
def test_a_content_that_is_no_list_is_refused(tmp_path: Path, content: bytes) -> None:
    home = tmp_path / "home"
    (tmp_path / "source").write_bytes(content)
    store(home, tmp_path / "source")
    with pytest.raises(EnvironmentRefused, match="is not a list of files"):
        checkout(home, hashlib.sha256(content).hexdigest())


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="nothing-here does not exist"):
        store(tmp_path / "home", tmp_path / "nothing-here")
    (tmp_path / "round").symlink_to(tmp_path / "round")
    with pytest.raises(WrongUsage, match="round can't be read"):
        store(tmp_path / "home", tmp_path / "round")


def test_an_empty_folder_is_refused_also_with_empty_folders_in_it(tmp_path: Path) -> None:
    write(tmp_path / "source", {})
    with pytest.raises(WrongUsage, match="source is empty"):
        store(tmp_path / "home", tmp_path / "source")
    write(tmp_path / "source" / "below", {})
    with pytest.raises(WrongUsage, match="source is empty"):
        store(tmp_path / "home", tmp_path / "source")


def test_links_that_stay_inside_are_followed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write(source, {"a": b"1", "b": {"c": b"2"}})
    (source / "file-link").symlink_to("a")
    (source / "folder-link").symlink_to(source / "b")
    (source / "b" / "up").symlink_to("../a")
    tree = store(tmp_path / "home", source)
    assert read(tree.path) == {
        "a": b"1",
        "b/c": b"2",
        "b/up": b"1",
        "file-link": b"1",
        "folder-link/c": b"2",
        "folder-link/up": b"1",
    }
    assert not any(path.is_symlink() for path in tree.path.rglob("*"))


def test_the_path_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1"})
    (tmp_path / "folder-link").symlink_to("source")
    (tmp_path / "latest.csv").symlink_to("source/a")
    home = tmp_path / "home"
    assert store(home, tmp_path / "folder-link") == store(home, tmp_path / "source")
    assert store(home, tmp_path / "latest.csv").path.name == "latest.csv"


@pytest.mark.parametrize("where", ["../secret", "../source-2/a", "/etc/passwd", "..", "/"])
def test_a_link_out_of_the_folder_is_refused_by_name(tmp_path: Path, where: str) -> None:
    (tmp_path / "secret").write_text("secret")
    write(tmp_path / "source-2", {"a": b"1"})
    write(tmp_path / "source", {"a": b"1", "b": {}})
    (tmp_path / "source" / "b" / "leak").symlink_to(Path("..", where))
    with pytest.raises(WrongUsage, match=r"source/b/leak is a link out of the folder"):
        store(tmp_path / "home", tmp_path / "source")
    assert not (tmp_path / "home").exists()


def test_a_broken_link_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1"})
    (tmp_path / "source" / "broken").symlink_to("nothing")
    with pytest.raises(WrongUsage, match="source/broken is a link that leads nowhere"):
        store(tmp_path / "home", tmp_path / "source")


@pytest.mark.parametrize("links", [{"a/up": "."}, {"a/up": ".."}, {"a/x": "../b", "b/y": "../a"}])
def test_links_that_lead_round_in_a_circle_are_refused(
    tmp_path: Path, links: dict[str, str]
) -> None:
    write(tmp_path / "source", {"a": {"c": b"1"}, "b": {"d": b"2"}})
    for name, target in links.items():
        (tmp_path / "source" / name).symlink_to(target)
    with pytest.raises(WrongUsage, match=r"source/.* is a link that leads back"):
        store(tmp_path / "home", tmp_path / "source")


def test_pipes_sockets_and_devices_are_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "source", {})
    os.mkfifo(tmp_path / "source" / "pipe")
    with pytest.raises(WrongUsage, match="pipe is neither a file nor a folder"):
        store(tmp_path / "home", tmp_path / "source")
    with pytest.raises(WrongUsage, match="pipe is neither a file nor a folder"):
        store(tmp_path / "home", tmp_path / "source" / "pipe")
    with pytest.raises(WrongUsage, match="/dev/null is neither a file nor a folder"):
        store(tmp_path / "home", Path("/dev/null"))
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        with pytest.raises(WrongUsage, match="socket is neither a file nor a folder"):
            store(tmp_path / "home", tmp_path / "socket")


def test_a_folder_that_contains_the_workspace_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "project", {"a": b"1"})
    home = tmp_path / "project" / ".runner"
    with pytest.raises(WrongUsage, match=r"project contains the workspace .*\.runner"):
        store(home, tmp_path / "project")
    write(home, {"output": b"1"})
    assert store(home, home / "output").path.read_bytes() == b"1"


def test_a_workspace_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1"})
    (tmp_path / "home").write_text("in the way")
    with pytest.raises(EnvironmentRefused, match=r"can't write in .*home .*RUNNER_HOME"):
        store(tmp_path / "home", tmp_path / "source")


def test_a_target_that_exists_is_refused_and_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1"})
    tree = store(tmp_path / "home", tmp_path / "source")
    (tmp_path / "file").write_text("mine")
    write(tmp_path / "folder", {})
    (tmp_path / "link").symlink_to("nothing")
    for name in ("file", "folder", "link"):
        with pytest.raises(WrongUsage, match=f"{name} exists already"):
            copy_out(tmp_path / "home", tree.hash, tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_copy_makes_the_folders_above_it(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1"})
    tree = store(tmp_path / "home", tmp_path / "source")
    copy_out(tmp_path / "home", tree.hash, tmp_path / "deep" / "target")
    assert read(tmp_path / "deep") == {"target/a": b"1"}


FULL_DISK = """
import resource, sys
from pathlib import Path
from runner.errors import EnvironmentRefused
from runner.local.files import copy_out, store
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    if sys.argv[1] == "store":
        store(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        copy_out(Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
except EnvironmentRefused as error:
    print(error)
"""


def run_on_a_full_disk(*arguments: object) -> str:
    """Run with no room for more than 100,000 bytes in a file."""
    command = [sys.executable, "-c", FULL_DISK, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_storing_on_a_full_disk_is_one_line_and_leaves_nothing_half_written(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    write(tmp_path / "source", {"a": b"1", "big": b"2" * 200_000, "c": b"3"})
    said = run_on_a_full_disk("store", home, tmp_path / "source")
    assert said.startswith(f"no room left in {home} (")
    assert said.count("\n") == 1
    check_store(home)
    assert not (home / "trees").exists()


def test_copying_to_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1", "big": b"2" * 200_000, "c": b"3"})
    tree = store(tmp_path / "home", tmp_path / "source")
    (tmp_path / "place").mkdir()
    said = run_on_a_full_disk("copy", tmp_path / "home", tree.hash, tmp_path / "place" / "target")
    assert said.startswith(f"no room left in {tmp_path / 'place'} (")
    assert said.count("\n") == 1
    assert list((tmp_path / "place").iterdir()) == []


def test_processes_that_store_the_same_folder_at_once_all_succeed(
    tmp_path: Path, together: Together
) -> None:
    write(tmp_path / "source", {str(n): b"%d" % (n % 50) * 100 for n in range(200)})
    script = """
from pathlib import Path
from runner.local.files import store
def work(home, source):
    tree = store(Path(home), Path(source))
    print(tree.hash, sum(1 for path in tree.path.iterdir()))
"""
    home = tmp_path / "home"
    said = together(script, [(home, tmp_path / "source")] * 3)
    assert set(said) == {f"{store(home, tmp_path / 'source').hash} 200\n"}
    check_store(home)


def test_a_killed_process_leaves_nothing_but_in_tmp(tmp_path: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "source"
    write(source, {str(n): b"%d" % n * 50 for n in range(300)})
    command = f"""
from pathlib import Path
from runner.local.files import store
store(Path({str(home)!r}), Path({str(source)!r}))
"""
    for turn in range(3):
        process = subprocess.Popen([sys.executable, "-c", command])
        # Sooner or later in its work: once some contents are there.
        wanted = 5 + 60 * turn
        while process.poll() is None and len(list((home / "files").glob("*"))) < wanted:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in (home / "files").rglob("*"):
            if path.is_file():
                assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
        for tree in (home / "trees").glob("*"):
            assert read(tree / "folder") == read(source)
    assert read(store(home, source).path) == read(source)


def test_what_killed_processes_left_is_removed_after_a_day(tmp_path: Path) -> None:
    write(tmp_path / "source", {"a": b"1"})
    home = tmp_path / "home"
    (home / "tmp").mkdir(parents=True)
    write(home / "tmp" / "old-tree", {"folder": {"a": b"1"}})
    for name in ("old-content", "young-content"):
        (home / "tmp" / name).write_bytes(b"1")
    for name, hours in [("old-tree", 25), ("old-content", 25), ("young-content", 23)]:
        moment = time.time() - hours * 3600
        os.utime(home / "tmp" / name, (moment, moment))
    tree = store(home, tmp_path / "source")
    assert [path.name for path in (home / "tmp").iterdir()] == ["young-content"]
    assert read(tree.path) == read(tmp_path / "source") == {"a": b"1"}


def set_time(path: Path, seconds: float) -> None:
    """Make a file as if it had been written so many seconds from now."""
    moment = time.time() + seconds
    os.utime(path, (moment, moment))


def change_content(source: Path) -> None:
    (source / "b" / "c").write_bytes(b"3")
    set_time(source / "b" / "c", 10)


def change_size(source: Path) -> None:
    (source / "a").write_bytes(b"11")
    set_time(source / "a", -10)


def add_file(source: Path) -> None:
    (source / "d").write_bytes(b"1")
    set_time(source / "d", -10)


def remove_file(source: Path) -> None:
    (source / "a").unlink()


def rename_file(source: Path) -> None:
    (source / "a").rename(source / "e")


def become_a_file(source: Path) -> None:
    shutil.rmtree(source)
    source.write_bytes(b"1")
    set_time(source, -10)


def become_a_folder_within(source: Path) -> None:
    (source / "a").unlink()
    write(source / "a", {"f": b"1"})
    set_time(source / "a" / "f", -10)


@pytest.mark.parametrize(
    "change",
    [
        change_content,
        change_size,
        add_file,
        remove_file,
        rename_file,
        become_a_file,
        become_a_folder_within,
    ],
)
def test_a_source_that_was_changed_looks_so_until_it_is_stored_again(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    write(source, {"a": b"1", "b": {"c": b"2"}})
    tree = store(home, source)
    assert not looks_changed(home, tree.hash, source)
    change(source)
    assert looks_changed(home, tree.hash, source)


def test_a_single_file_that_was_changed_looks_so(tmp_path: Path) -> None:
    source, home = tmp_path / "source.csv", tmp_path / "home"
    source.write_bytes(b"1")
    tree = store(home, source)
    assert not looks_changed(home, tree.hash, source)
    source.write_bytes(b"2")
    set_time(source, 10)
    assert looks_changed(home, tree.hash, source)


@pytest.mark.parametrize("single", [True, False])
def test_what_was_only_touched_does_not_look_changed(tmp_path: Path, single: bool) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    if single:
        source.write_bytes(b"1")
    else:
        write(source, {"a": b"1", "b": {"c": b"2"}})
    tree = store(home, source)
    file = source if single else source / "b" / "c"
    set_time(file, 10)
    assert not looks_changed(home, tree.hash, source)
    file.write_bytes(b"3")
    set_time(file, 10)
    assert looks_changed(home, tree.hash, source)
    assert looks_changed(home, tree.hash, source)


def test_what_was_read_and_is_the_same_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    write(source, {"a": b"1"})
    tree = store(home, source)
    old = time.time_ns() - 10**12
    os.utime(home / "trees" / tree.hash, ns=(old, old))
    assert not looks_changed(home, tree.hash, source)
    monkeypatch.setattr("filecmp.cmp", lambda *_, **__: pytest.fail("it is read again"))
    assert not looks_changed(home, tree.hash, source)


def test_where_nothing_tells_a_source_does_not_look_changed(tmp_path: Path) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    write(source, {"a": b"1"})
    tree = store(home, source)
    (source / "leak").symlink_to("/etc/passwd")
    assert not looks_changed(home, tree.hash, source)
    shutil.rmtree(source)
    assert not looks_changed(home, tree.hash, source)
    assert not looks_changed(home, "0" * 64, tmp_path / "home")


def test_of_a_large_folder_a_thousand_files_are_looked_at(tmp_path: Path) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    write(source, {str(number): b"1" for number in range(1100)})
    tree = store(home, source)
    assert not looks_changed(home, tree.hash, source)
    for path in source.iterdir():
        path.write_bytes(b"2")
        set_time(path, 10)
    assert looks_changed(home, tree.hash, source)


def test_links_that_a_file_system_refuses_become_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(31, "Too many links")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write(tmp_path / "source", {"a": b"1", "b": {"c": b"1"}})
    tree = store(tmp_path / "home", tmp_path / "source")
    assert read(tree.path) == read(tmp_path / "source")
    assert (tree.path / "a").stat().st_mode & 0o222 == 0
    assert (tree.path / "a").stat().st_ino != (tree.path / "b" / "c").stat().st_ino


def test_a_source_that_changes_while_it_is_read_never_spoils_a_content(tmp_path: Path) -> None:
    source, home = tmp_path / "source", tmp_path / "home"
    source.write_bytes(b"0" * CHUNK)
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
number = 0
while True:
    number += 1
    with open({str(source)!r}, "r+b") as file:
        file.write(b"%d" % (number % 10) * {CHUNK})
""",
        ]
    )
    try:
        for _ in range(30):
            store(home, source)
    finally:
        writer.kill()
        writer.wait()
    check_store(home)
