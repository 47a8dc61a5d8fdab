from __future__ import annotations

import os
import pty
import re
import time
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest

from runner.cli.progress import ProgressView, bar_line
from runner.workspace import JobStatus, Progress

from .memory import progress


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _a_terminal_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def drawn(terminal: Terminal) -> list[str]:
    return re.findall(r"\r([^\r\x1b]+)\x1b\[K", terminal.getvalue())


def test_the_line_tells_what_is_done_how_fast_and_how_long_still() -> None:
    line = bar_line(progress(0, of=40), progress(10, of=40, failed=2), 5.0, 100)
    bar, _, details = line.removeprefix("[").partition("]")
    assert details == (
        "  25%  10/40 mini-batches  0:05  2 files failed  1,000 rows  200 rows/s  ETA 0:15"
    )
    assert bar.count("#") == len(bar) // 4
    assert len(line) <= 100


def test_rows_that_nobody_counts_yet_are_left_out() -> None:
    first, last = (replace(progress(done, of=40), rows=None) for done in (0, 10))
    assert bar_line(first, last, 5.0, 100).endswith("  25%  10/40 mini-batches  0:05  ETA 0:15")


@pytest.mark.parametrize("room", [200, 100, 79, 60, 40, 25, 10, 3])
def test_the_line_never_takes_more_room_than_there_is(room: int) -> None:
    line = bar_line(progress(0, of=40_000), progress(39_999, of=40_000, failed=7), 4000.0, room)
    assert len(line) <= room
    if room >= 25:
        assert "39,999/40,000" in line


def test_speed_and_time_left_of_a_resumed_job_count_from_where_it_was_taken_up() -> None:
    line = bar_line(progress(30, of=40), progress(35, of=40), 5.0, 100)
    assert "100 rows/s  ETA 0:05" in line
    assert " 87%" in line


def test_nothing_done_yet_means_no_estimate() -> None:
    assert "ETA -:--" in bar_line(progress(0), progress(0), 3.0, 100)


def test_a_finished_job_says_how_long_it_took() -> None:
    line = bar_line(progress(0), progress(4), 3725.0, 100)
    assert "100%" in line
    assert line.endswith("in 1:02:05")


def test_a_training_job_shows_its_status_and_time() -> None:
    running = Progress(JobStatus.RUNNING, 0, 0, 0, 0)
    assert bar_line(running, running, 65.0, 80) == "Running  1:05"


def test_the_line_is_drawn_at_most_ten_times_a_second_and_once_at_the_end() -> None:
    terminal, clock = Terminal(), Clock()
    view = ProgressView("job-1", terminal, clock)
    for tick in range(1000):
        clock.now = tick / 1000
        view.show(progress(tick, of=1000))
    assert 9 <= len(drawn(terminal)) <= 10
    view.show(progress(1000, of=1000))
    view.close()
    assert "1,000/1,000" in drawn(terminal)[-1]
    assert terminal.getvalue().endswith("\n")


def test_clearing_takes_the_line_away_once() -> None:
    terminal = Terminal()
    view = ProgressView("job-1", terminal)
    view.clear()
    assert terminal.getvalue() == ""
    view.show(progress(1))
    before = terminal.getvalue()
    view.clear()
    view.clear()
    assert terminal.getvalue() == before + "\r\x1b[K"


def test_elsewhere_than_on_a_terminal_it_is_one_line() -> None:
    stream = StringIO()
    view = ProgressView("job-1", stream)
    view.show(replace(progress(0), mini_batches=0))
    for done in range(5):
        view.show(progress(done))
    view.close()
    assert stream.getvalue() == "job job-1: 4 mini-batches\n"


def test_a_dumb_terminal_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    ProgressView("job-1", terminal).show(progress(1))
    assert terminal.getvalue() == "job job-1: 4 mini-batches, 1 done\n"


def test_the_width_is_the_terminals_own() -> None:
    ours, theirs = pty.openpty()
    try:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
        with os.fdopen(theirs, "w") as stream:
            ProgressView("job-1", stream).show(progress(2))
            line = os.read(ours, 1000).decode().strip("\r").removesuffix("\x1b[K")
    finally:
        os.close(ours)
    assert 35 <= len(line) <= 49


def test_the_clock_goes_on_while_nothing_is_shown() -> None:
    terminal, clock = Terminal(), Clock()
    view = ProgressView("job-1", terminal, clock, tick=0.01)
    view.show(progress(1))
    clock.now = 7.0
    wait_for(lambda: "0:07" in drawn(terminal)[-1])
    view.print_above("a line", terminal)
    assert terminal.getvalue().partition("a line\n")[2].startswith("\r[")
    view.clear()
    clock.now = 9.0
    time.sleep(0.05)
    assert "0:09" not in terminal.getvalue()
    view.close()
    ended = terminal.getvalue()
    clock.now = 11.0
    time.sleep(0.05)
    assert terminal.getvalue() == ended


def test_a_job_that_loads_its_model_says_so_and_claims_no_speed() -> None:
    line = bar_line(progress(0), replace(progress(0), loading=True), 3.0, 100)
    assert line.endswith("   0%  0/4 mini-batches  loading the model  0:03")


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
