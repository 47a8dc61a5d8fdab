"""Lines of processes in the server's log."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runner.local.serving.relay import Relay

from .test_deployment import wait_for


class Piped:
    """A relay, this test as the process that prints, and the log."""

    def __init__(self, path: Path, name: str = "blue") -> None:
        self._path = path
        self._log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.relay = Relay(name, self._log)
        self.printing = os.dup(self.relay.inlet)
        self.relay.begin()

    def print(self, text: str) -> None:
        os.write(self.printing, text.encode())

    @property
    def log(self) -> str:
        return self._path.read_text()


@pytest.fixture
def piped(tmp_path: Path) -> Piped:
    return Piped(tmp_path / "log.txt")


def test_each_line_bears_the_deployments_name(piped: Piped) -> None:
    piped.print("one\ntwo\n\n")
    wait_for(lambda: piped.log == "blue | one\nblue | two\nblue | \n")
    os.close(piped.printing)


def test_a_line_waits_for_its_end_unless_an_answer_is_there(piped: Piped) -> None:
    piped.print("be")
    piped.print("gun\nnot end")
    wait_for(lambda: piped.log == "blue | begun\n")
    piped.print("ed")
    piped.relay.drain()
    assert piped.log == "blue | begun\nblue | not ended\n"
    piped.relay.drain()
    assert piped.log.count("\n") == 2
    os.close(piped.printing)


def test_what_is_left_at_the_end_is_told_and_nothing_stays_open(piped: Piped) -> None:
    before = threading.active_count()
    piped.print("last words")
    os.close(piped.printing)
    wait_for(lambda: piped.log == "blue | last words\n")
    wait_for(lambda: threading.active_count() < before)
    piped.relay.drain()


def test_what_a_process_left_behind_prints_is_told_too(piped: Piped) -> None:
    late = "import time; time.sleep(0.1); print('late')"
    with subprocess.Popen([sys.executable, "-c", late], stdout=piped.printing):
        os.close(piped.printing)
        piped.relay.drain()
    wait_for(lambda: piped.log == "blue | late\n")


def test_lines_without_end_are_cut_and_those_of_several_processes_stay_whole(
    tmp_path: Path,
) -> None:
    first, second = (Piped(tmp_path / "log.txt", name) for name in ("blue", "green"))

    def print_lines(piped: Piped, letter: str) -> None:
        for _ in range(50):
            piped.print(letter * 3000 + "\n")
        piped.print(letter * 100_000)
        os.close(piped.printing)

    threads = [
        threading.Thread(target=print_lines, args=args) for args in ((first, "b"), (second, "g"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def lines() -> list[tuple[str, str]]:
        parted = [line.partition(" | ") for line in first.log.splitlines()]
        return [(name, text) for name, _, text in parted]

    wait_for(lambda: sum(len(text) for _, text in lines()) == 2 * 250_000)
    assert all(set(text) == {name[0]} for name, text in lines())


def test_who_prints_without_end_keeps_nobody_waiting() -> None:
    reading, log = os.pipe()
    relay = Relay("blue", log)

    def read_slowly() -> None:
        while os.read(reading, 4096):
            time.sleep(0.001)

    with subprocess.Popen(["yes"], stdout=relay.inlet) as endless:
        relay.begin()
        threading.Thread(target=read_slowly, daemon=True).start()
        drained = threading.Thread(target=relay.drain, daemon=True)
        drained.start()
        drained.join(10)
        in_time = not drained.is_alive()
        endless.kill()
    assert in_time
