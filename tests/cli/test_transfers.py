from __future__ import annotations

import io

import pytest

from runner.cli.transfers import TransferView, transfer_line
from runner.workspace import Transfer


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(stream: io.StringIO, *steps: tuple[float, int]) -> str:
    """Return the text that is written for steps: seconds, and the bytes of 100 MB done by then."""
    clock = Clock()
    view = TransferView(stream, clock)
    for clock.now, done in steps:
        view.show(Transfer("uploading", "model", done * 1_000_000, 100_000_000))
    return stream.getvalue()


def test_a_line_says_what_goes_where_and_how_fast() -> None:
    line = transfer_line(Transfer("downloading", "a\nb", 1_500_000, 2_000_000_000), 2.0)
    assert line == "downloading a\\nb: 1.5 MB of 2 GB, 750 kB/s"


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_what_is_over_soon_is_not_spoken_of(stream: io.StringIO) -> None:
    assert shown(stream, (0.0, 0), (0.5, 50), (0.9, 100)) == ""


def test_elsewhere_than_on_a_terminal_there_is_a_line_now_and_then() -> None:
    steps = [(second / 2, second) for second in range(50)]
    lines = shown(io.StringIO(), *steps, (25.0, 100)).splitlines()
    assert len(lines) == 4
    assert lines[-1] == "uploading model: 100 MB of 100 MB, 4 MB/s"


def test_on_a_terminal_one_line_is_drawn_over_and_left_in_the_end() -> None:
    text = shown(Terminal(), (0.0, 0), (1.0, 10), (1.1, 11), (2.0, 20), (3.0, 100))
    assert text.count("\r") == 3
    assert text.count("\n") == 1
    assert text.endswith("100 MB of 100 MB, 33.3 MB/s\x1b[K\n")
