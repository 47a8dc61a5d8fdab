"""YAML of strangers: read as PyYAML reads it, and refused before it costs anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.bounded_yaml import MAX_BYTES, Unreadable, read_yaml

SCALARS = st.none() | st.booleans() | st.text(st.characters(exclude_categories=["Cs", "Cc"]))
VALUES = st.recursive(
    SCALARS,
    lambda inside: st.lists(inside) | st.dictionaries(st.text("abc<=~yn", min_size=1), inside),
    max_leaves=20,
)
BOMB = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 40))]
)
MERGED = "\n".join(
    ["a0: &a0 {x: y}", *(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 60))]
)
HOSTILE = {
    "aliases": BOMB.encode(),
    "merged aliases": MERGED.encode(),
    "levels": b"[" * 100_000,
    "levels of mappings": b"{a: " * 100_000,
    "an alias of itself": b"&a [*a]",
    "a size": b"x" * (MAX_BYTES + 1),
    "an object": b"!!python/object/apply:os.system [exit 3]",
    "documents": b"a: 1\n---\na: 2",
    "a list as a key": b"{[a]: b}",
    "no text": b"\xff\xfe\x00",
}


def read(folder: Path, content: bytes) -> Any:
    path = folder / "file.yml"
    path.write_bytes(content)
    return read_yaml(path)


@given(VALUES)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read_back(tmp_path: Path, value: Any) -> None:
    assert read(tmp_path, yaml.safe_dump(value, allow_unicode=True).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'<<': x", {"<<": "x"}),
        ('{"<<": {a: b}}', {"<<": {"a": "b"}}),
        ("a: 1.10", {"a": "1.10"}),
        ("a: 2001-99-99", {"a": "2001-99-99"}),
        ("a: 'no'\nb: no\nc: !!str no", {"a": "no", "b": False, "c": "no"}),
        (
            "a: &b {c: d, e: f}\ng: {<<: *b, c: h}",
            {"a": {"c": "d", "e": "f"}, "g": {"c": "h", "e": "f"}},
        ),
        ("a: &b [c]\nd: *b", {"a": ["c"], "d": ["c"]}),
        ("", None),
        ("1: a\ntrue: b", {"1": "a", "True": "b"}),
    ],
)
def test_numbers_and_dates_are_text_and_all_else_is_as_in_pyyaml(
    tmp_path: Path, text: str, value: Any
) -> None:
    assert read(tmp_path, text.encode()) == value


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_would_hold_the_reader_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable) as refused:
            read(tmp_path, content)
        assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BYTES
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 3
    assert len(str(refused.value).splitlines()) == 1


def test_a_number_that_takes_minutes_to_make_is_text(tmp_path: Path) -> None:
    number = "1" + ":1" * 500_000
    assert read(tmp_path, number.encode()) == number
    assert read(tmp_path, b"9" * 100_000) == "9" * 100_000


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "MLmodel")
    with pytest.raises(Unreadable, match="it is a pipe"):
        read_yaml(tmp_path / "MLmodel")


def test_a_model_of_a_hundred_thousand_levels_ends_no_process(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_bytes(b"[" * 100_000)
    program = "import sys; from pathlib import Path; from runner.engine.mlmodel import read_mlmodel"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; read_mlmodel(Path(sys.argv[1]))", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 1
    assert "can't be read: it is nested deeper than 50 levels" in done.stderr
