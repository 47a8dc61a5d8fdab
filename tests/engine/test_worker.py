"""One worker process: what it is made of, and when it refuses to be."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from .job import plan_job, run_job, score


@pytest.mark.parametrize(("parent", "status"), [("os.getppid()", 0), ("os.getppid() + 1", 1)])
def test_a_worker_whose_parent_died_meanwhile_ends_and_any_living_parent_is_one(
    parent: str, status: int
) -> None:
    program = f"import os; from runner.engine import worker; worker.die_with_parent({parent})"
    assert subprocess.run([sys.executable, "-c", program]).returncode == status


def test_a_worker_is_of_a_group_of_its_own_and_deaf_to_the_keyboard(tmp_path: Path) -> None:
    script = """
import os, signal
def init(): pass
def run(mini_batch):
    os.kill(os.getpid(), signal.SIGINT)
    return [f"{os.getpgid(0) == os.getpid()} {signal.getsignal(signal.SIGTERM).name}"]
"""
    assert score(tmp_path, {"a": b""}, script=script).output == b"True SIG_DFL\n"


def test_an_error_of_the_script_that_looks_like_a_full_disk_is_the_scripts_own(
    tmp_path: Path,
) -> None:
    script = """
import errno, os
def init(): pass
def run(mini_batch):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
"""
    outcome = score(tmp_path, {"a": b""}, script=script, max_retries=1)
    assert len(outcome.retries) == 1
    assert outcome.error is not None
    assert outcome.error.startswith("the one file could not be scored: OSError:")


def test_a_message_larger_than_any_buffer_comes_through(tmp_path: Path) -> None:
    files = {f"{index:04d}" + "n" * 240: b"" for index in range(2000)}
    script = "def init(): pass\ndef run(mini_batch): return [1 for _ in mini_batch]\n"
    outcome = score(tmp_path, files, script=script, mini_batch_size=2000)
    assert outcome.output == b"1\n" * 2000
    assert len(outcome.attempts[0].files) == 2000


WRITES = """
import atexit, gzip, os, threading, time
import neighbour
OUT = os.environ["AZUREML_BI_OUTPUT_PATH"] + "/"
class Cycle:
    def __init__(self):
        self.itself = self
        self.text = open(OUT + "cycle", "w")
def init():
    global text, binary, packed, cycle
    if os.environ.get("HELD_ELSEWHERE"):
        os.hold = lambda: text
    text = open(OUT + "text", "w")
    binary = open(OUT + "binary", "wb")
    packed = gzip.open(OUT + "packed", "wt")
    cycle = Cycle()
    neighbour.text = open(OUT + "neighbour", "w")
    atexit.register(lambda: open(OUT + "handler", "w").write("x"))
def later():
    time.sleep(0.2)
    open(OUT + "thread", "w").write("x")
def run(mini_batch):
    text.write("x")
    binary.write(b"x")
    packed.write("x")
    cycle.text.write("x")
    neighbour.text.write("x")
    threading.Thread(target=later).start()
    return mini_batch
"""


@pytest.mark.parametrize("variables", [{}, {"HELD_ELSEWHERE": "yes"}])
def test_what_a_script_has_open_is_written_out_when_its_job_ends_well(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    folder = plan_job(
        tmp_path,
        {"a": b""},
        script=WRITES,
        output_action="summary_only",
        variables=variables,
    )
    (tmp_path / "code" / "neighbour.py").write_text("def itself(): return neighbour\n")
    outcome = run_job(folder)
    assert outcome.error is None
    assert outcome.said == ()
    written = {path.name: path.read_bytes() for path in (folder / "output").iterdir()}
    assert gzip.decompress(written.pop("packed")) == b"x"
    names = ("text", "binary", "cycle", "neighbour", "handler", "thread")
    assert written == dict.fromkeys(names, b"x")


LETS_GO = """
import json, os
collector = None
OUT = os.environ["AZUREML_BI_OUTPUT_PATH"] + "/"
class Collector:
    def __init__(self):
        self.itself = self
        self.rows = []
    def __del__(self):
        with open(OUT + "rows", "w") as file:
            json.dump(self.rows, file)
def init():
    global collector
    collector = Collector()
def run(mini_batch):
    collector.rows.append(1)
    return mini_batch
"""


def test_what_is_let_go_with_a_script_still_finds_the_names_of_its_module(tmp_path: Path) -> None:
    folder = plan_job(tmp_path, {"a": b""}, script=LETS_GO, output_action="summary_only")
    assert run_job(folder).error is None
    assert (folder / "output" / "rows").read_text() == "[1]"


def test_what_the_parent_has_open_and_registered_is_left_to_the_parent(tmp_path: Path) -> None:
    folder = plan_job(tmp_path / "job", {"a": b""}, script="def init(): pass\ndef run(m): return m")
    program = f"""
import atexit
from pathlib import Path
from runner.engine.plan import read_plan
from runner.engine.run import run
folder = Path({str(folder)!r})
file = open({str(tmp_path / "file")!r}, "a")
file.write("once")
atexit.register(lambda: open({str(tmp_path / "handler")!r}, "a").write("once"))
run(read_plan(folder / "plan.json"), folder, began=0)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
    assert (tmp_path / "file").read_text() == "once"
    assert (tmp_path / "handler").read_text() == "once"


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        ("time.sleep(600)", "it was still busy after 1 s"),
        ("os._exit(3)", "its process exited with status 3"),
    ],
)
def test_a_worker_that_does_not_end_as_it_should_is_told_and_ended(
    tmp_path: Path, handler: str, said: str
) -> None:
    script = f"""
import atexit, os, time
def init(): atexit.register(lambda: {handler})
def run(mini_batch): return [1]
"""
    outcome = run_job(plan_job(tmp_path, {"a": b""}, script=script), grace=1)
    assert outcome.output == b"1\n"
    assert outcome.said == (
        f"warning: worker 0 did not end as it should: {said};"
        " what its script had still to write may be missing",
    )
    assert outcome.seconds < 10


def test_a_worker_still_loading_when_all_is_done_is_not_waited_for(tmp_path: Path) -> None:
    script = """
import os, time
from pathlib import Path
def init():
    try:
        Path(__file__).with_name("first").mkdir()
    except FileExistsError:
        time.sleep(600)
def run(mini_batch): return [1]
"""
    folder = plan_job(
        tmp_path, dict.fromkeys("ab", b""), script=script, processes=2, mini_batch_size=1
    )
    outcome = run_job(folder, grace=30)
    assert outcome.output == b"1\n1\n"
    assert outcome.said == ()
    assert outcome.seconds < 10
