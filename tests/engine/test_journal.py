"""The journal: what a resumed job trusts."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.engine.attempt import Attempt, FileResult, Outcome
from runner.engine.journal import Journal, Standing, mend_journal, read_journal, write_journal
from runner.engine.slices import Slice


@dataclass(frozen=True)
class Later(Attempt):
    """An attempt as another version of the runner writes it."""

    weather: str = "fine"


def attempt(mini_batch: int, number: int = 1, outcome: Outcome = "done") -> Attempt:
    return Attempt(
        mini_batch=mini_batch,
        attempt=number,
        outcome=outcome,
        worker=0,
        started=0.5,
        seconds=0.25,
        rows=2,
        reason=None if outcome == "done" else "broke",
        files=(
            FileResult("환자, \n.csv", 2),
            FileResult(os.fsdecode(b"\xff"), 0, "no good"),
            FileResult("a", None),
        ),
        tally={"classes": {"0": 2}},
        warnings=("mind this",),
        missing=1,
    )


def write(path: Path, *attempts: Attempt) -> bytes:
    with Journal(path) as journal:
        for each in attempts:
            journal.append(each)
    return path.read_bytes()


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    attempts = [attempt(0, 1, "retried"), attempt(0, 2), attempt(1, 4, "failed")]
    content = write(tmp_path / "journal", *attempts)
    assert read_journal(tmp_path / "journal") == attempts
    assert content.count(b"\n") == 3


def test_a_journal_not_yet_begun_has_no_attempts(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "journal") == []


@given(st.integers(0, 2000), st.integers(0, 3))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_journal_cut_off_anywhere_keeps_its_whole_lines_and_takes_more(
    tmp_path: Path, cut: int, more: int
) -> None:
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    attempts = [attempt(i) for i in range(4)]
    content = write(path, *attempts)[:cut]
    path.write_bytes(content)
    kept = attempts[: content.count(b"\n")]
    assert read_journal(path) == kept
    added = [attempt(10 + i) for i in range(more)]
    write(path, *added)
    assert read_journal(path) == kept + added


@given(st.integers(0, 3), st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_line_that_is_damaged_in_any_way_is_none_and_the_others_stay(
    tmp_path: Path, line: int, place: int, put: bytes, cut: int
) -> None:
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    attempts = [attempt(i) for i in range(4)]
    lines = write(path, *attempts).splitlines(keepends=True)
    whole = lines[line]
    place %= len(whole) - 1
    lines[line] = whole[:place] + put + whole[place + cut : -1] + b"\n"
    path.write_bytes(b"".join(lines))
    if whole[:-1] in lines[line].splitlines():
        return  # only a line was put before it
    kept = [attempt for attempt in attempts if attempt.mini_batch != line]
    assert read_journal(path) == kept
    mended, damaged = mend_journal(path)
    assert mended == kept
    assert damaged >= 1  # what was put there may end a line
    assert mend_journal(path) == (kept, 0)


def test_a_line_of_another_version_is_none(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", [Later(**vars(attempt(0))), attempt(1)])
    assert mend_journal(tmp_path / "journal") == ([attempt(1)], 1)


def test_a_torn_line_longer_than_any_buffer_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    content = write(path, attempt(0))
    path.write_bytes(content + b"x" * 200_000)
    assert write(path) == content


def test_the_last_word_on_a_mini_batch_counts_and_a_retry_is_none() -> None:
    attempts = [
        attempt(0, 1, "failed"),
        attempt(1, 1, "retried"),
        attempt(2, 1),
        attempt(0, 1, "retried"),
        attempt(0, 2),
    ]
    assert Standing(attempts).counted() == [attempts[4], attempts[2]]


def test_what_was_scored_stays_when_a_later_attempt_at_it_fails() -> None:
    attempts = [attempt(0), attempt(0, 1, "retried"), attempt(0, 2, "failed")]
    assert Standing(attempts).counted() == [attempts[0]]
    again = [*attempts, attempt(0, 3)]
    assert Standing(again).counted() == [again[3]]


def test_what_is_scored_again_counts_once() -> None:
    standing = Standing([attempt(0, 1, "failed"), attempt(1), attempt(0), attempt(0, 2)])
    assert standing.rows == sum(counted.rows for counted in standing.counted()) == 4
    assert standing.failed_files == sum(counted.failed_files for counted in standing.counted())


def of_slice(part: int, rows: int, error: str | None = None, outcome: Outcome = "done") -> Attempt:
    """Return an attempt at a slice of mini-batch 1, which holds one large file."""
    return Attempt(
        mini_batch=1,
        attempt=1,
        outcome=outcome,
        worker=0,
        started=0.0,
        seconds=0.0,
        rows=rows,
        files=(FileResult("large.csv", rows, error),),
        part=part,
        slice=Slice(10 * part, 10, 100 * part, 100 * part + 100),
    )


def test_the_slices_of_a_file_count_together_and_a_slice_is_read_back(tmp_path: Path) -> None:
    attempts = [of_slice(1, 10), of_slice(0, 10), of_slice(2, 3)]
    write(tmp_path / "journal", *attempts)
    read = read_journal(tmp_path / "journal")
    assert read == attempts
    standing = Standing(read)
    assert (standing.rows, standing.failed_files) == (23, 0)
    assert [attempt.part for attempt in standing.counted()] == [0, 1, 2]


def test_a_file_that_fails_in_a_slice_fails_once_and_none_of_its_rows_counts() -> None:
    small = attempt(0)
    lost = [of_slice(0, 10), of_slice(2, 0, "bad"), of_slice(1, 0, "worse"), of_slice(3, 10)]
    standing = Standing([small, *lost])
    assert (standing.rows, standing.failed_files) == (small.rows, 1 + small.failed_files)
    assert standing.counted() == [small, lost[2]]
    assert standing.has_lost(1, "large.csv")
    assert standing.complete() == {(1, 0), (1, 3)}
    # A resume that mends both slices brings all of its rows back.
    standing.add(of_slice(1, 10))
    assert standing.failed_files == 1 + small.failed_files
    standing.add(of_slice(2, 10))
    assert (standing.rows, standing.failed_files) == (small.rows + 40, small.failed_files)
    assert not standing.has_lost(1, "large.csv")


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 9)), max_size=30))
def test_what_is_counted_as_attempts_come_is_what_they_come_to_in_the_end(
    tries: list[tuple[int, bool, int]],
) -> None:
    standing = Standing()
    for part, good, rows in tries:
        standing.add(of_slice(part, rows if good else 0, None if good else "bad"))
    counted = standing.counted()
    assert standing.rows == sum(attempt.rows for attempt in counted)
    assert standing.failed_files == sum(attempt.failed_files for attempt in counted)


def test_a_journal_written_anew_is_whole_and_takes_more(tmp_path: Path) -> None:
    write(tmp_path / "journal", attempt(0), attempt(1), attempt(2))
    write_journal(tmp_path / "journal", [attempt(1)])
    write(tmp_path / "journal", attempt(3))
    assert read_journal(tmp_path / "journal") == [attempt(1), attempt(3)]


def test_a_disk_that_takes_a_part_of_a_line_is_an_error_not_a_torn_line_in_the_middle(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    line = len(write(path, attempt(0)))
    program = f"""
import resource, sys
from pathlib import Path
from runner.engine.journal import Journal, read_journal
path = Path(sys.argv[1])
first = read_journal(path)[0]
resource.setrlimit(resource.RLIMIT_FSIZE, ({line + line // 2}, {resource.RLIM_INFINITY}))
with Journal(path) as journal:
    try:
        journal.append(first)
    except OSError as error:
        print(error.strerror)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "File too large\n"
    assert read_journal(path) == [attempt(0)]
    write(path, attempt(1))
    assert read_journal(path) == [attempt(0), attempt(1)]


def test_the_failed_files_of_an_attempt_are_those_lost_for_good() -> None:
    assert attempt(0).failed_files == 2  # one named, one missing
    assert attempt(0, 1, "retried").failed_files == 0
