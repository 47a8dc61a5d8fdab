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
    how = (
        'words = b\'["Raised", {"reason": "x"}]\'; '
        "os.write(socket, (len(words).to_bytes(4, 'big') + words) * 3)"
    )
    outcome = hurt(tmp_path, how)
    assert (outcome.error, outcome.output) == (None, b"1\n1\n")


def test_a_worker_has_no_file_of_the_host(tmp_path: Path) -> None:
    script = """
import os
def init(): pass
def run(batch):
    # The first worker dies, and another is forked while the journal is open.
    mark = __file__ + ".mark"
    if not os.path.exists(mark):
        open(mark, "w").close()
        os._exit(1)
    found = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if
             os.path.exists(f"/proc/self/fd/{fd}")]
    return [sorted({os.path.basename(path) for path in found if "journal" in path})] * len(batch)
"""
    outcome = score(tmp_path, FILES, script=script, mini_batch_size=1)
    assert (outcome.error, outcome.output) == (None, b"[]\n[]\n")


def test_a_folder_in_the_place_of_the_output_is_named(tmp_path: Path) -> None:
    outcome = hurt(tmp_path, "(job / 'output' / 'predictions.csv').mkdir()")
    assert "predictions.csv is a folder, which the script made" in str(outcome.error)
