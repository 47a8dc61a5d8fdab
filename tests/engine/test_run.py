"""Runs of whole jobs: retries, deaths, timeouts, the error threshold and resuming."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engine.journal import Standing
from runner.engine.plan import read_plan, write_plan

from .job import Outcome, plan_job, run_job, score

# Each file holds its own rows. MARKS is a folder in which a script counts what it has done, and
# TROUBLE says how the first attempts at a file end.
SCRIPT = """
import ctypes, json, os, signal, sys, time
from pathlib import Path

MARKS = Path(os.environ["MARKS"])
TROUBLE = json.loads(os.environ.get("TROUBLE", "{}"))

def count(name):
    number = 0
    while True:
        try:
            os.close(os.open(MARKS / f"{name}.{number}", os.O_CREAT | os.O_EXCL))
            return number
        except FileExistsError:
            number += 1

def trouble(how):
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "exit":
        os._exit(3)
    elif how == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "sysexit":
        sys.exit(4)
    elif how == "raise":
        raise ValueError("not this time")
    elif how == "sleep":
        time.sleep(600)

def init():
    pass

def run(mini_batch):
    rows = []
    for path in map(Path, mini_batch):
        number = count(path.name)
        before = TROUBLE.get(path.name, [])
        if number < len(before):
            trouble(before[number])
        rows.append(path.read_text())
    return rows
"""


def from_line(error: str, source: str) -> str:
    """Return how an error is told that comes from the script's line with this source."""
    (line,) = (
        number for number, text in enumerate(SCRIPT.split("\n"), 1) if text.strip() == source
    )
    return f"{error} (score.py, line {line})"


NOT_THIS_TIME = from_line("ValueError: not this time", 'raise ValueError("not this time")')
texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12)
contents = st.lists(texts, min_size=1, max_size=12)
deaths = st.lists(st.sampled_from(["killed", "exit", "segfault", "sysexit", "raise"]), max_size=2)


def files_of(rows: list[str]) -> dict[str, bytes]:
    return {f"{index:02d}.txt": row.encode() for index, row in enumerate(rows)}


def plain_pass(files: dict[str, bytes]) -> bytes:
    return b"".join(files[name] + b"\n" for name in sorted(files))


def variables(place: Path, trouble: dict[str, list[str]] | None = None) -> dict[str, str]:
    marks = place / "marks"
    marks.mkdir()
    return {"MARKS": str(marks), "TROUBLE": json.dumps(trouble or {})}


def times_run(place: Path, name: str) -> int:
    return len(list((place / "marks").glob(f"{name}.*")))


def troubled(place: Path, trouble: dict[str, list[str]], rows: int = 4, **job: Any) -> Outcome:
    """Score files `00.txt`, `01.txt`, … of one row each, one file a mini-batch unless told."""
    files = files_of([f"row {index}" for index in range(rows)])
    job = {"mini_batch_size": 1, **job}
    return score(place, files, script=SCRIPT, variables=variables(place, trouble), **job)


@given(
    rows=contents,
    size=st.integers(1, 5),
    processes=st.integers(1, 4),
    troubles=st.lists(deaths, max_size=12),
)
@settings(deadline=None, max_examples=12)
def test_however_workers_die_the_output_is_that_of_one_plain_pass(
    rows: list[str], size: int, processes: int, troubles: list[list[str]]
) -> None:
    files = files_of(rows)
    trouble = dict(zip(files, troubles, strict=False))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        outcome = score(
            place,
            files,
            script=SCRIPT,
            variables=variables(place, trouble),
            mini_batch_size=size,
            processes=processes,
            max_retries=10,
        )
        assert outcome.error is None
        assert outcome.output == plain_pass(files)
        assert len(outcome.retries) == sum(map(len, trouble.values()))
        # Only the mini-batch of a death is run again.
        plan = read_plan(outcome.folder / "plan.json")
        for index in range(plan.mini_batches):
            names = [file.name for file in plan.mini_batch(index)]
            assert times_run(place, names[0]) == 1 + sum(len(trouble.get(n, [])) for n in names)


@given(
    rows=contents,
    size=st.integers(1, 3),
    processes=st.integers(1, 3),
    stops=st.lists(st.integers(0, 12), min_size=1, max_size=2),
)
@settings(deadline=None, max_examples=10)
def test_a_job_stopped_anywhere_and_resumed_gives_the_same_bytes_and_redoes_nothing_done(
    rows: list[str], size: int, processes: int, stops: list[int]
) -> None:
    files = files_of(rows)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        folder = plan_job(
            place,
            files,
            script=SCRIPT,
            variables=variables(place),
            mini_batch_size=size,
            processes=processes,
        )
        for stop in sorted(stops):
            before = run_job(folder, stop_after=stop)
            assert before.output is None or not before.stopped
        known = {name: times_run(place, name) for name in files}
        done = {file.name for attempt in before.attempts for file in attempt.files}
        outcome = run_job(folder)
        assert outcome.error is None
        assert outcome.output == plain_pass(files)
        assert [
            attempt.mini_batch for attempt in sorted(outcome.attempts, key=lambda a: a.mini_batch)
        ] == (list(range(read_plan(folder / "plan.json").mini_batches)))
        for name in files:
            assert times_run(place, name) == known[name] + (name not in done)


REASONS = {
    "raise": NOT_THIS_TIME,
    "killed": "its process was ended by SIGKILL (out of memory, or killed from outside)",
    "segfault": "its process was ended by SIGSEGV (a crash in native code)",
    "exit": "its process exited with status 3",
    "sysexit": from_line("SystemExit: 4", "sys.exit(4)"),
}


def test_a_lost_attempt_is_run_again_and_says_why(tmp_path: Path) -> None:
    trouble = {f"{index:02d}.txt": [how, how] for index, how in enumerate(REASONS)}
    outcome = troubled(tmp_path, trouble, rows=6)
    assert outcome.output == b"".join(b"row %d\n" % index for index in range(6))
    for index, reason in enumerate(REASONS.values()):
        tried = [attempt for attempt in outcome.attempts if attempt.mini_batch == index]
        assert [attempt.attempt for attempt in tried] == [1, 2, 3]
        assert [attempt.reason for attempt in tried] == [reason, reason, None]
        assert f"mini-batch {index}, attempt 1: {reason}; it is run again" in outcome.said
    assert len(outcome.retries) == 10


def test_a_mini_batch_is_run_max_retries_times_more_and_then_its_files_fail(
    tmp_path: Path,
) -> None:
    outcome = troubled(tmp_path, {"01.txt": ["raise"] * 9}, max_retries=2)
    assert outcome.error is None
    assert times_run(tmp_path, "01.txt") == 3
    assert outcome.output == b"row 0\nrow 2\nrow 3\n"
    last = outcome.attempts[-1]
    assert (last.outcome, last.attempt, last.failed_files) == ("failed", 3, 1)
    assert last.files[0].error == NOT_THIS_TIME


def test_without_retries_one_death_is_final(tmp_path: Path) -> None:
    outcome = troubled(tmp_path, {"00.txt": ["killed"]}, max_retries=0)
    assert outcome.retries == []
    assert outcome.output == b"row 1\nrow 2\nrow 3\n"


def test_every_file_of_a_lost_mini_batch_fails(tmp_path: Path) -> None:
    outcome = troubled(
        tmp_path, {"01.txt": ["killed"] * 9}, rows=5, mini_batch_size=2, max_retries=1
    )
    assert outcome.output == b"row 2\nrow 3\nrow 4\n"
    assert sum(attempt.failed_files for attempt in outcome.attempts) == 2


@pytest.mark.parametrize("threshold", [1, 2])
def test_more_failed_files_than_error_threshold_fail_the_job(
    tmp_path: Path, threshold: int
) -> None:
    trouble = {name: ["raise"] * 9 for name in ("00.txt", "02.txt")}
    outcome = troubled(tmp_path, trouble, max_retries=0, error_threshold=threshold)
    if threshold == 1:
        assert outcome.error == (
            f"2 files failed and error_threshold is 1; the last: {NOT_THIS_TIME}"
        )
        assert outcome.output is None
    else:
        assert outcome.error is None
        assert outcome.output == b"row 1\nrow 3\n"


def test_the_threshold_counts_files_not_mini_batches(tmp_path: Path) -> None:
    trouble = {"00.txt": ["raise"] * 9}
    outcome = troubled(tmp_path, trouble, mini_batch_size=3, max_retries=0, error_threshold=2)
    assert outcome.error == (f"3 files failed and error_threshold is 2; the last: {NOT_THIS_TIME}")


def test_a_job_of_which_no_file_came_through_has_failed(tmp_path: Path) -> None:
    trouble = {name: ["raise"] * 9 for name in ("00.txt", "01.txt")}
    outcome = troubled(tmp_path, trouble, rows=2, max_retries=1)
    assert outcome.error == (f"none of the 2 files could be scored; the first: {NOT_THIS_TIME}")
    assert outcome.output is None


def test_a_stuck_worker_is_ended_by_the_timeout_and_its_mini_batch_run_again(
    tmp_path: Path,
) -> None:
    outcome = troubled(tmp_path, {"01.txt": ["sleep"]}, timeout=0.5, processes=2)
    assert outcome.output == b"row 0\nrow 1\nrow 2\nrow 3\n"
    assert outcome.retries == ["took longer than 0.5 s (retry_settings.timeout)"]
    assert outcome.seconds < 20


def test_a_busy_loop_in_native_code_is_ended_by_the_timeout(tmp_path: Path) -> None:
    script = """
import re
def init(): pass
def run(mini_batch):
    return [bool(re.match("(a|aa)+$", "a" * 200 + "b"))]
"""
    outcome = score(tmp_path, {"a": b""}, script=script, timeout=0.3, max_retries=1)
    reason = "took longer than 0.3 s (retry_settings.timeout)"
    assert outcome.error == f"the one file could not be scored: {reason}"
    assert outcome.retries == [reason]
    assert outcome.seconds < 20


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def assert_ends(process: int) -> None:
    deadline = time.monotonic() + 10
    while is_running(process):
        assert time.monotonic() < deadline, f"process {process} was left running"
        time.sleep(0.01)


@pytest.mark.parametrize(
    "how", ["time.sleep(600)", "os.kill(os.getpid(), 9)", "os._exit(0)", "return ['done']"]
)
def test_what_a_worker_started_ends_with_it(tmp_path: Path, how: str) -> None:
    # A forked child holds the worker's own socket, so its end can't be read off that.
    script = f"""
import os, subprocess, time
def init(): pass
def run(mini_batch):
    children = [subprocess.Popen(["sleep", "600"]).pid, os.fork() or time.sleep(600)]
    with open({str(tmp_path / "children")!r}, "w") as file:
        print(*children, file=file)
    {how}
"""
    timeout = 1.0 if how.startswith("time.") else 60.0
    outcome = score(tmp_path, {"a": b""}, script=script, timeout=timeout, max_retries=0)
    assert (outcome.error is None) == how.startswith("return")
    if how.startswith("os."):
        assert outcome.error is not None
        assert "its process " in outcome.error
        assert outcome.seconds < 30  # found at once, not by the timeout
    for child in (tmp_path / "children").read_text().split():
        assert_ends(int(child))


def test_a_worker_that_dies_idle_costs_no_file(tmp_path: Path) -> None:
    """One worker dies while another is at the last mini-batch, which then has to be run again."""
    script = """
import os, threading, time
from pathlib import Path
HERE = Path(__file__).parent
def init(): pass
def run(mini_batch):
    name = Path(mini_batch[0]).name
    if name == "quick":
        wait(lambda: (HERE / "slow").exists())
        threading.Timer(0.1, os._exit, [9]).start()
        (HERE / "quick.partial").write_text(str(os.getpid()))
        (HERE / "quick.partial").rename(HERE / "quick")
        return ["quick"]
    if not (HERE / "slow").exists():
        (HERE / "slow").touch()
        wait(lambda: (HERE / "quick").exists())
        wait(lambda: not Path("/proc", (HERE / "quick").read_text()).exists())
        raise ValueError("again, please")
    return ["slow"]

def wait(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
"""
    outcome = score(
        tmp_path,
        {"quick": b"", "slow": b""},
        script=script,
        mini_batch_size=1,
        processes=2,
        max_retries=1,
    )
    assert outcome.output == b"quick\nslow\n"
    assert outcome.retries == ["ValueError: again, please (score.py, line 18)"]


def test_a_worker_that_dies_while_starting_is_started_again(tmp_path: Path) -> None:
    script = """
import os
from pathlib import Path
def init():
    marks = Path(__file__).parent / "marks"
    marks.mkdir(exist_ok=True)
    number = len(list(marks.iterdir()))
    (marks / str(number)).touch()
    if number < 2:
        os.kill(os.getpid(), 9)
def run(mini_batch):
    return ["done"]
"""
    outcome = score(tmp_path, {"a": b""}, script=script, max_retries=0)
    assert outcome.output == b"done\n"


def test_deaths_while_starting_count_only_in_a_row(tmp_path: Path) -> None:
    script = """
import os
from pathlib import Path
MARKS = Path(__file__).parent / "marks"
def init():
    MARKS.mkdir(exist_ok=True)
    number = len(list(MARKS.iterdir()))
    (MARKS / str(number)).touch()
    if number in (0, 1, 3, 4):
        os.kill(os.getpid(), 9)
def run(mini_batch):
    if len(list(MARKS.iterdir())) == 3:
        os.kill(os.getpid(), 9)
    return ["done"]
"""
    outcome = score(tmp_path, {"a": b""}, script=script, max_retries=1)
    assert (outcome.error, outcome.output) == (None, b"done\n")


def test_a_worker_that_was_given_up_leaves_the_next_ones_their_starts(tmp_path: Path) -> None:
    """The first gets loaded and dies once others were given up; of those after it one dies, too."""
    script = """
import os, time
from pathlib import Path
HERE = Path(__file__).parent
LOADED = HERE.parent / "job" / "loaded"
def init():
    (HERE / f"{os.getpid()}.started").touch()
    if (HERE / "died").exists():
        if first("again"):
            os.kill(os.getpid(), 9)
    elif not first("first"):
        wait(LOADED.exists)
        os.kill(os.getpid(), 9)
def run(mini_batch):
    if not (HERE / "died").exists():
        wait(lambda: len(others()) == 3)
        wait(lambda: not any(Path("/proc", number).exists() for number in others()))
        (HERE / "died").touch()
        os.kill(os.getpid(), 9)
    return ["done"]
def others():
    return {path.stem for path in HERE.glob("*.started")} - {str(os.getpid())}
def first(name):
    try:
        (HERE / name).mkdir()
        return True
    except FileExistsError:
        return False
def wait(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
"""
    folder = plan_job(
        tmp_path, dict.fromkeys("ab", b""), script=script, processes=2, mini_batch_size=1
    )
    outcome = run_job(folder)
    assert (outcome.error, outcome.output) == (None, b"done\ndone\n")


def test_a_model_whose_loading_always_kills_the_process_fails_the_job(tmp_path: Path) -> None:
    script = "import os\ndef init(): os._exit(7)\ndef run(mini_batch): return []\n"
    outcome = score(tmp_path, {"a": b"", "b": b""}, script=script, processes=2)
    assert outcome.error is not None
    assert outcome.error.startswith(
        "the model can't be loaded: its process exited with status 7, 3 times while starting; see "
    )
    assert Path(outcome.error.rpartition("see ")[2]).exists()


# Only the first process gets loaded; it scores once STARTS others have begun and are gone.
ONE_LOADS = """
import os, time
from pathlib import Path
HERE = Path(__file__).parent
def init():
    (HERE / f"{os.getpid()}.started").touch()
    try:
        (HERE / "first").mkdir()
    except FileExistsError:
        wait(lambda: (HERE / "loaded").exists())
        exec(os.environ["HOW"])
    (HERE / "loaded").touch()
def run(mini_batch):
    wait(lambda: len(others()) == int(os.environ["STARTS"]))
    wait(lambda: not any(Path("/proc", number).exists() for number in others()))
    return [len(others())]
def others():
    return {path.stem for path in HERE.glob("*.started")} - {str(os.getpid())}
def wait(condition):
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
"""


def one_loads(place: Path, how: str, starts: int, loading: float = 60) -> tuple[Outcome, list[str]]:
    """Run a job of which one process gets loaded; also return its log, less the slots."""
    folder = plan_job(
        place,
        dict.fromkeys("ab", b""),
        script=ONE_LOADS,
        processes=2,
        mini_batch_size=1,
        variables={"HOW": how, "STARTS": str(starts)},
    )
    outcome = run_job(folder, loading=loading)
    return outcome, [re.sub(r"worker.[01]", "worker", line) for line in outcome.said]


def test_a_job_goes_on_with_the_workers_that_can_be_loaded(tmp_path: Path) -> None:
    outcome, said = one_loads(tmp_path, "os.kill(os.getpid(), 9)", starts=3)
    assert outcome.output == b"3\n3\n"
    assert said == [
        "warning: worker: the model can't be loaded: its process was ended by SIGKILL"
        " (out of memory, or killed from outside), 3 times while starting; going on without it;"
        f" see {outcome.folder}/logs/worker.txt",
    ]


def test_a_worker_that_never_gets_loaded_is_given_up_while_another_works(tmp_path: Path) -> None:
    outcome, said = one_loads(tmp_path, "time.sleep(600)", starts=1, loading=2)
    assert outcome.output == b"1\n1\n"
    assert said == [
        "warning: worker: the model did not finish loading within 2 s; going on without it;"
        f" see {outcome.folder}/logs/worker.txt",
    ]


def test_a_model_that_never_gets_loaded_fails_the_job(tmp_path: Path) -> None:
    script = "import time\ndef init(): time.sleep(600)\ndef run(mini_batch): return []\n"
    files = dict.fromkeys("ab", b"")
    folder = plan_job(tmp_path, files, script=script, processes=2, mini_batch_size=1)
    outcome = run_job(folder, loading=0.5)
    assert outcome.error is not None
    assert outcome.error.startswith("the model did not finish loading within 0.5 s; see ")
    assert Path(outcome.error.rpartition("see ")[2]).exists()
    assert outcome.seconds < 10


def test_files_that_failed_are_scored_again_on_resume_and_the_others_are_not(
    tmp_path: Path,
) -> None:
    first = troubled(tmp_path, {"01.txt": ["raise"]}, max_retries=0)
    assert first.output == b"row 0\nrow 2\nrow 3\n"
    again = run_job(first.folder)
    assert again.output == b"row 0\nrow 1\nrow 2\nrow 3\n"
    assert [times_run(tmp_path, f"{i:02d}.txt") for i in range(4)] == [1, 2, 1, 1]


def test_a_file_mended_after_it_failed_may_be_resumed(tmp_path: Path) -> None:
    first = troubled(tmp_path, {"01.txt": ["raise"]}, max_retries=0)
    (tmp_path / "input" / "01.txt").write_text("mended")
    again = run_job(first.folder)
    assert again.output == b"row 0\nmended\nrow 2\nrow 3\n"
    assert run_job(first.folder).output == again.output


def test_a_file_mended_twice_is_held_against_what_was_scored_of_it(tmp_path: Path) -> None:
    bad = {"01.txt": ["raise"], "02.txt": ["raise", "raise"]}
    first = troubled(tmp_path, bad, max_retries=0)
    (tmp_path / "input" / "01.txt").write_text("mended")
    assert run_job(first.folder).output == b"row 0\nmended\nrow 3\n"
    (tmp_path / "input" / "02.txt").write_text("mended, too")
    again = run_job(first.folder)
    assert again.output == b"row 0\nmended\nmended, too\nrow 3\n"
    (tmp_path / "input" / "01.txt").write_text("other than what was scored")
    refused = run_job(first.folder).error
    assert refused is not None
    assert "input file '01.txt' is gone or has changed since it was scored" in refused


@pytest.mark.parametrize("change", ["written", "removed"])
def test_a_scored_file_that_changed_refuses_the_resume(tmp_path: Path, change: str) -> None:
    files = files_of(["one", "two", "three"])
    folder = plan_job(
        tmp_path, files, script=SCRIPT, variables=variables(tmp_path), mini_batch_size=1
    )
    assert run_job(folder, stop_after=1).stopped
    if change == "written":
        (tmp_path / "input" / "00.txt").write_text("other")
    else:
        (tmp_path / "input" / "00.txt").unlink()
    outcome = run_job(folder)
    assert outcome.error == (
        "input file '00.txt' is gone or has changed since it was scored (1 in all); start a new job"
    )


def test_a_torn_journal_line_costs_only_its_own_mini_batch(tmp_path: Path) -> None:
    first = troubled(tmp_path, {})
    journal = first.folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    again = run_job(first.folder)
    assert again.output == first.output
    assert [times_run(tmp_path, f"{i:02d}.txt") for i in range(4)] == [1, 1, 1, 2]


def test_a_damaged_journal_line_costs_only_its_own_mini_batch_and_is_told(tmp_path: Path) -> None:
    first = troubled(tmp_path, {})
    journal = first.folder / "journal.jsonl"
    lines = journal.read_bytes().splitlines()
    place = next(place for place, line in enumerate(lines) if b"01.txt" in line)
    journal.write_bytes(b"\n".join([*lines[:place], b"\xff\0", *lines[place + 1 :], b""]))
    again = run_job(first.folder)
    assert again.output == first.output
    assert [times_run(tmp_path, f"{i:02d}.txt") for i in range(4)] == [1, 2, 1, 1]
    assert again.said == (
        f"warning: 1 line of {journal} can't be read: what no other line tells is done again",
    )


def test_a_piece_that_is_gone_cut_short_or_emptied_is_scored_again_and_told(
    tmp_path: Path,
) -> None:
    first = troubled(tmp_path, {}, rows=6)
    pieces = [first.folder / "pieces" / f"{index:08d}-000000" for index in range(6)]
    size = pieces[0].stat().st_size
    for piece in pieces[1:]:
        piece.unlink()
    (pieces[2] / "a folder").mkdir(parents=True)
    for piece, left in zip(pieces[3:], (b"", b"row", bytes(size)), strict=True):
        piece.write_bytes(left)
    again = run_job(first.folder)
    assert again.output == first.output
    assert again.said == (
        f"warning: 5 pieces of the predictions, the first {pieces[1]}, can't be used: gone, or not"
        " as it was written; its files are scored again",
    )
    assert [times_run(tmp_path, f"{i:02d}.txt") for i in range(6)] == [1, 2, 2, 2, 2, 2]


def test_a_piece_that_is_gone_and_can_not_be_scored_again_is_a_failure(tmp_path: Path) -> None:
    first = troubled(tmp_path, {"02.txt": []}, max_retries=0)
    (first.folder / "pieces" / "00000002-000000").unlink()
    (tmp_path / "marks" / "02.txt.0").unlink()
    plan = read_plan(first.folder / "plan.json")
    trouble = {**plan.environment_variables, "TROUBLE": json.dumps({"02.txt": ["raise"]})}
    write_plan(replace(plan, environment_variables=trouble), first.folder / "plan.json")
    again = run_job(first.folder)
    assert again.error is None
    assert again.output == b"row 0\nrow 1\nrow 3\n"
    assert Standing(again.attempts).rows == 3


# Returns a result too few at first, and raises ever after.
SHORT = """
import os, time
from pathlib import Path
def init(): pass
def run(mini_batch):
    mark = Path(__file__).with_name("mark")
    if Path(mini_batch[0]).name == "c":
        return ["c"]
    if not mark.exists():
        mark.touch()
        return ["a"]
    raise ValueError("not now")
"""


def test_what_was_scored_of_a_mini_batch_stays_when_a_resume_fails_at_it(tmp_path: Path) -> None:
    first = score(
        tmp_path,
        dict.fromkeys("abc", b""),
        script=SHORT,
        mini_batch_size=2,
        max_retries=0,
        error_threshold=1,
    )
    assert first.output == b"a\nc\n"
    for _ in range(2):
        again = run_job(first.folder)
        assert again.error is None
        assert again.output == b"a\nc\n"
        assert again.said == (
            "mini-batch 0, attempt 1: ValueError: not now (score.py, line 12);"
            " what was scored of it before stays",
        )


def test_what_a_killed_run_left_half_written_is_swept_away(tmp_path: Path) -> None:
    first = troubled(tmp_path, {})
    (first.folder / "pieces" / "00000001-000000.4321.draft").write_text("half")
    again = run_job(first.folder)
    assert again.output == first.output
    assert not list((first.folder / "pieces").glob("*.draft"))


@pytest.mark.parametrize(
    ("rows", "largest"),
    [
        (1, 5000),  # a mini-batch's own piece is too large
        (10, 30_000),  # the pieces fit, and the output doesn't
        (100, 20_000),  # the journal is what outgrows the disk
    ],
)
def test_a_full_disk_fails_the_job_clearly_and_a_resume_gives_the_same_bytes(
    tmp_path: Path, rows: int, largest: int
) -> None:
    files = files_of(["x" * (6000 if rows < 100 else 1)] * rows)
    folder = plan_job(
        tmp_path, files, script=SCRIPT, variables=variables(tmp_path), mini_batch_size=1
    )
    full = run_job(folder, largest_file=largest)
    assert full.error is not None
    assert full.error.startswith(f"File too large: {folder}")
    assert full.error.endswith("free some space and resume the job")
    assert not (folder / "output" / "predictions.csv").exists()
    outcome = run_job(folder)
    assert outcome.error is None
    assert outcome.output == plain_pass(files)


def test_a_worker_that_prints_50_megabytes_costs_neither_disk_nor_memory(tmp_path: Path) -> None:
    script = """
import sys
def init(): pass
def run(mini_batch):
    for _ in range(50):
        sys.stdout.write("x" * 999_999 + "\\n")
    return ["done"]
"""
    quiet = score(tmp_path / "quiet", {"a": b""}, script=SCRIPT, variables=variables(tmp_path))
    loud = score(tmp_path / "loud", {"a": b""}, script=script)
    assert loud.output == b"done\n"
    log = loud.folder / "logs" / "worker-0.txt"
    assert log.stat().st_size < (16 << 20) + 200
    assert log.read_text().splitlines()[-1] == (
        f"… {50_000_000 - (16 << 20)} bytes more were printed, not kept"
    )
    assert loud.memory < quiet.memory + (20 << 20)
    assert loud.seconds < 20


def test_rows_stand_in_the_order_of_the_files_though_later_files_finish_first(
    tmp_path: Path,
) -> None:
    script = """
import time
from pathlib import Path
def init(): pass
def run(mini_batch):
    name = Path(mini_batch[0]).name
    of_b = Path(__file__).parents[1] / "job" / "pieces" / "00000001-000000"
    deadline = time.monotonic() + 20
    while name == "a" and not of_b.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return [name]
"""
    outcome = score(tmp_path, {"a": b"", "b": b""}, script=script, mini_batch_size=1, processes=2)
    assert [attempt.mini_batch for attempt in outcome.attempts] == [1, 0]
    assert outcome.output == b"a\nb\n"


def test_names_of_every_kind_come_through_a_job(tmp_path: Path) -> None:
    names = {"환자.txt", "n" * 255, 'a,"b"\nc', os.fsdecode(b"\xff.txt"), " ", "-x"}
    script = """
from pathlib import Path
def init(): pass
def run(mini_batch):
    return [(Path(path).name, Path(path).read_text()) for path in mini_batch]
"""
    outcome = score(tmp_path, dict.fromkeys(names, b"1"), script=script, mini_batch_size=2)
    assert outcome.error is None
    assert {file.name for attempt in outcome.attempts for file in attempt.files} == names
    assert outcome.output is not None
    assert outcome.output.count(b"\n") == len(names)


def test_a_job_asked_to_stop_at_once_ends_its_workers(tmp_path: Path) -> None:
    folder = plan_job(
        tmp_path,
        files_of(["a", "b"]),
        script=SCRIPT,
        variables=variables(tmp_path, {"00.txt": ["sleep"]}),
    )
    outcome = run_job(folder, stop_after=0)
    assert outcome.stopped
    assert outcome.output is None
    assert outcome.seconds < 10
