"""The error that ended a process, found in what it printed."""

from __future__ import annotations

import signal

import pytest

from runner.engine.last_words import how_it_ended, last_words

CHAINED = """loading
Traceback (most recent call last):
  File "a.py", line 1, in load
    raise KeyError("x")
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    raise ValueError("the   weights\tare gone")
    ~~~~~^^^^^
ValueError: the   weights\tare gone
and its second line
"""


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("", ""),
        ("ValueError: printed by the script itself\n", ""),
        (CHAINED, "ValueError: the weights are gone"),
        ("Traceback (most recent call last):\n  File", ""),
        ("Traceback (most recent call last):\n  File\nSystemExit: 3", "SystemExit: 3"),
        ("Fatal Python error: Segmentation fault\n\nThread 0x1:\n", "Segmentation fault"),
        ("terminate called after throwing an instance of 'std::bad_alloc'\n", "std::bad_alloc"),
    ],
)
def test_the_last_exception_with_a_traceback_is_what_ended_it(printed: str, said: str) -> None:
    assert said in last_words(printed)
    assert bool(said) == bool(last_words(printed))


def test_it_is_one_line_of_some_length() -> None:
    assert len(last_words(f"Traceback (most recent call last):\n  x\nE: {'y' * 9999}")) == 500


def test_who_was_killed_from_outside_said_nothing_of_it() -> None:
    printed = b"Traceback (most recent call last):\n  x\nValueError: of an earlier row\n"
    assert "ValueError" not in how_it_ended(-signal.SIGKILL, printed)
    assert how_it_ended(-signal.SIGABRT, printed).endswith(" after ValueError: of an earlier row")
