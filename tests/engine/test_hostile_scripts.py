"""A script that speaks to the host itself, or spoils what it is to leave, holds up no job."""

from __future__ import annotations

from pathlib import Path

import pytest

from .job import Outcome, score

FILES = {"a": b"1", "b": b"2"}
# `once` is true in the first attempt at the first file, `socket` the worker's own.
SCRIPT = """
import os, stat, time
from pathlib import Path

def init():
    pass

def run(batch):
    mark = Path(__file__).with_name("mark")
    once = Path(batch[0]).name == "a" and not mark.exists()
    found = [fd for fd in range(3, 256) if is_socket(fd)]
    if once:
        mark.touch()
        hurt(found[0], Path(os.environ["AZUREML_BI_OUTPUT_PATH"]).parent)
    return [len(found)] * len(batch)

def is_socket(descriptor):
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False

SCORED = b'["Scored", {"result": {"files": [], "warnings": [], "tally": {}}, "checksum": 0}]'

def say(socket, words):
    os.write(socket, len(words).to_bytes(4, "big") + words)

def hurt(socket, job):
"""


def hurt(place: Path, how: str) -> Outcome:
    return score(place, FILES, script=f"{SCRIPT}    {how}\n", mini_batch_size=1, timeout=1.0)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        # Of a message of a megabyte one byte, and silence.
        (r"os.write(socket, b'\x00\x10\x00\x00x'); time.sleep(60)", "took longer than 1 s"),
        (r"os.write(socket, b'\x7f\xff\xff\xffx'); time.sleep(60)", "sent what is no message"),
        (r"os.write(socket, b'\xff\xff\xff\xfe'); time.sleep(60)", "sent what is no message"),
        (r"os.write(socket, b'\x00\x00\x00\x03[1]'); time.sleep(60)", "sent what is no message"),
        ("say(socket, b'[' * 10**6); time.sleep(60)", "sent what is no message"),
        ("say(socket, SCORED); time.sleep(60)", "a result of other files"),
        ("[draft.unlink() for draft in (job / 'pieces').glob('*.draft')]", "is gone"),
        (
            "[(draft.unlink(), draft.mkdir()) for draft in (job / 'pieces').glob('*.draft')]",
            "is gone",
        ),
    ],
)
def test_it_costs_its_own_attempt_alone(tmp_path: Path, how: str, told: str) -> None:
    outcome = hurt(tmp_path, how)
    assert (outcome.error, outcome.output) == (None, b"1\n1\n")
    (reason,) = outcome.retries
    assert told in str(reason)


def test_an_answer_that_nobody_asked_for_ends_the_worker_and_no_job(tmp_path: Path) -> None:
    outcome = hurt(tmp_path, """[say(socket, b'["Raised", {"reason": "x"}]') for _ in range(3)]""")
    assert (outcome.error, outcome.output) == (None, b"1\n1\n")


def test_a_worker_has_its_own_socket_and_output_and_no_other_file(tmp_path: Path) -> None:
    script = """
import os
def init(): pass
def run(batch):
    # The first worker dies, and another is forked while the journal is open.
    mark = __file__ + ".mark"
    if not os.path.exists(mark):
        open(mark, "w").close()
        os._exit(1)
    found = {fd: link(fd) for fd in os.listdir("/dev/fd")}
    opened = sorted(path for fd, path in found.items() if path and "/dev/null" != path)
    return [[path.partition(":")[0] for path in opened if not path.endswith((".draft", "/fd"))]]
def link(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # that of the listing
        return ""
"""
    outcome = score(tmp_path, FILES, script=script, mini_batch_size=1, processes=2)
    line = b"['pipe', 'pipe', 'socket']\n"  # standard output and error, and what it is sent
    assert (outcome.error, outcome.output) == (None, line * 2)


def test_a_worker_that_reads_nothing_costs_its_own_attempt(tmp_path: Path) -> None:
    # Its part, with the long names of many files, is more than a socket holds.
    script = """
import time
from pathlib import Path
import runner.engine.worker
def init():
    mark = Path(__file__).with_name("mark")
    if not mark.exists():
        mark.touch()
        runner.engine.worker._receive = lambda connection: time.sleep(60)
def run(batch):
    return [len(batch)]
"""
    files = {f"{'x' * 200}{number}": b"" for number in range(2000)}
    outcome = score(tmp_path, files, script=script, mini_batch_size=2000, timeout=1.0)
    (reason,) = outcome.retries
    assert "took longer than 1 s" in str(reason)
    assert outcome.error is None


def test_a_folder_in_the_place_of_a_piece_gives_way(tmp_path: Path) -> None:
    outcome = hurt(tmp_path, "[(job / 'pieces' / f'0000000{n}-000000').mkdir() for n in (0, 1)]")
    assert (outcome.error, outcome.output) == (None, b"1\n1\n")


def test_a_folder_in_the_place_of_the_output_is_named(tmp_path: Path) -> None:
    outcome = hurt(tmp_path, "(job / 'output' / 'predictions.csv').mkdir()")
    assert "predictions.csv is a folder, which the script made" in str(outcome.error)
