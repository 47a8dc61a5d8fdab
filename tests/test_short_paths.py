from __future__ import annotations

from pathlib import Path

import pytest

from runner.short_paths import shorten_paths


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/a/b.yml:3: key: found 1", "b.yml:3: key: found 1"),
        ("see '/srv/a/b' and `run -f /srv/a/c/d`", "see 'b' and `run -f c/d`"),
        ("/srv/a/b.yml:1: x\n/srv/a/c.yml:2: y", "b.yml:1: x\nc.yml:2: y"),
        ("/srv/ab/c and /srv/a", "/srv/ab/c and /srv/a"),
        ("/var/srv/a/b", "/var/srv/a/b"),
        ("file:///srv/a/b", "file:///srv/a/b"),
    ],
)
def test_paths_below_the_folder_are_shown_from_there(text: str, expected: str) -> None:
    assert shorten_paths(text, Path("/srv/a")) == expected


def test_from_the_top_of_all_folders_nothing_is_shorter() -> None:
    assert shorten_paths("https://a.test//b and /c", Path("/")) == "https://a.test//b and /c"
