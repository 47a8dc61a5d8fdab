"""The parts of mini-batches: small files together, large ones in slices."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from runner.engine.parts import Part, decode, divide, encode
from runner.engine.plan import InputFile, Plan, Settings
from runner.engine.slices import Slice


def plan(files: int, mini_batch_size: int) -> Plan:
    listed = tuple(InputFile(f"{index}.csv", index, index) for index in range(files))
    return Plan("job", "/in", listed, Settings(mini_batch_size=mini_batch_size), None)


def slices(count: int) -> tuple[Slice, ...]:
    return tuple(Slice(index * 5, 5, index * 100, (index + 1) * 100) for index in range(count))


@given(
    st.integers(0, 30),
    st.integers(1, 12),
    st.dictionaries(st.integers(0, 29), st.integers(1, 5), max_size=8),
)
def test_every_small_file_and_every_slice_is_in_one_part_and_the_parts_are_in_order(
    files: int, size: int, large: dict[int, int]
) -> None:
    whole = plan(files, size)
    cut = {f"{index}.csv": slices(count) for index, count in large.items()}
    parts = list(divide(whole, cut))
    expected: list[tuple[str, Slice | None]] = []
    for file in whole.files:
        expected += [(file.name, piece) for piece in cut.get(file.name, (None,))]
    assert [(file.name, part.slice) for part in parts for file in part.files] == expected
    keys = [part.key for part in parts]
    assert keys == sorted(set(keys))
    for mini_batch in range(whole.mini_batches):
        names = {file.name for file in whole.mini_batch(mini_batch)}
        own = [part for part in parts if part.mini_batch == mini_batch]
        assert [part.index for part in own] == list(range(len(own)))
        assert {file.name for part in own for file in part.files} == names


def test_without_large_files_a_mini_batch_is_one_part() -> None:
    assert [part.key for part in divide(plan(25, 10), {})] == [(0, 0), (1, 0), (2, 0)]


def test_a_part_is_sent_as_it_is() -> None:
    file = InputFile(os.fsdecode(b"\xff, \xed\x99\x98\n.csv"), 1, 2)
    for part in (Part(3, 0, (file, file)), Part(3, 7, (file,), Slice(1, 2, 3, 4))):
        assert decode(encode(part)) == part
