"""Who follows a document notices where it isn't true."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.walks.document import Block, Reader, read_sections
from tests.walks.shell import Shell, Stumbled


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Shell.open(tmp_path, {"PATH": os.environ["PATH"]}) as shell:
        yield Reader(shell)


def test_blocks_are_found_below_their_headings_in_order(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text(
        "## One\n```bash\na\n```\nthen\n```text\nb\n```\n## None\n## Two\n```sh\n```\n"
    )
    assert read_sections(document) == {
        "One": [Block("bash", "a\n"), Block("text", "b\n")],
        "Two": [Block("sh", "")],
    }


@pytest.mark.parametrize(
    ("shown", "so"),
    [
        ("two\n", True),
        ("one\ntwo\n", True),
        ("one\nthree\n", False),
        ("one\n…\nthree\n", True),
        ("t…\nth…e\n", True),
        ("tw\n", False),
        ("three\n…\none\n", False),
    ],
)
def test_what_is_shown_is_what_was_printed(reader: Reader, shown: str, so: bool) -> None:
    blocks = [Block("bash", "printf 'one\\ntwo  \\nthree\\n'"), Block("text", shown)]
    if so:
        reader.follow(blocks)
    else:
        with pytest.raises(Stumbled, match="is not in"):
            reader.follow(blocks)


def test_a_file_is_written_and_changed_where_its_lines_are_found(reader: Reader) -> None:
    change = Block("diff", "--- a.yaml\n+++ a.yaml\n x:\n-  y: 1\n+  y: 2\n")
    reader.follow([Block("yaml", "# a.yaml\nx:\n  y: 1\n"), change])
    assert (reader.folder / "a.yaml").read_text() == "x:\n  y: 2\n"
    with pytest.raises(Stumbled, match="not exactly once"):
        reader.follow([change])


def test_a_block_of_another_kind_is_not_passed_over(reader: Reader) -> None:
    with pytest.raises(Stumbled, match="block of sh"):
        reader.follow([Block("sh", "true")])
