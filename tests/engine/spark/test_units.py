"""Units of Spark's tasks: divided, grouped, and put together again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.engine.attempt import FileResult
from runner.engine.drivers.result import Result
from runner.engine.messages import Message, Raised, Scored, WantsWholeFiles
from runner.engine.parts import Part
from runner.engine.plan import InputFile
from runner.engine.slices import Slice
from runner.engine.spark.units import Unit, by_file, in_groups, together


def unit(number: int, *sizes: int) -> Unit:
    files = tuple(InputFile(f"f{place}", size, 0) for place, size in enumerate(sizes))
    return Unit(number, Part(0, number, files))


def scored(name: str, rows: int, retry: str | None = None, *warnings: str) -> Scored:
    result = Result((FileResult(name, rows),), {"classes": {"a": rows}}, warnings, retry)
    return Scored(result)


def test_a_part_is_divided_into_its_files() -> None:
    part = unit(0, 1, 2, 3).part
    assert [[file.size for file in share.files] for share in by_file(part)] == [[1], [2], [3]]


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40), st.integers(1, 8))
def test_every_unit_is_in_one_group_and_groups_are_alike_in_size(
    sizes: list[int], most: int
) -> None:
    groups = in_groups([unit(number, size) for number, size in enumerate(sizes)], most)
    assert sorted(found.number for group in groups for found in group) == list(range(len(sizes)))
    assert len(groups) == min(most, len(sizes))
    assert all(groups)
    loads = [sum(max(1, found.size) for found in group) for group in groups]
    assert max(loads) - min(loads) <= max(1, *sizes)


def test_a_slice_counts_for_what_is_read_of_its_file() -> None:
    part = Part(0, 0, (InputFile("f", 10**9, 0),), Slice(0, 1, 0, 1))
    assert Unit(0, part).size == 2 << 20


def test_the_files_of_a_part_come_to_what_one_call_would_have_said() -> None:
    first, second = scored("a", 2, None, "a: odd"), scored("b", 3, "b: fell over")
    message = together([first, second])
    assert isinstance(message, Scored)
    assert message.result == Result(
        (FileResult("a", 2), FileResult("b", 3)),
        {"classes": {"a": 5}},
        ("a: odd",),
        "b: fell over",
    )


def test_what_is_no_result_of_a_file_is_that_of_its_part() -> None:
    found: list[Message] = [Raised("no"), WantsWholeFiles("no")]
    for message in found:
        assert together([scored("a", 1), message]) == message
