"""Worker processes: forked, heard, ended, and none left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

import pytest

from .job import plan_job, score

# Drives a pool by hand in a process of its own; `work(pool, until)` is the test's.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from runner.engine.parts import divide
from runner.engine.plan import read_plan
from runner.engine.process_pool import ProcessPool

folder = Path(sys.argv[1])
(folder / "pieces").mkdir()
(folder / "logs").mkdir()
parts = list(divide(read_plan(folder / "plan.json"), {}))

def until(pool, count):
    events, deadline = [], time.monotonic() + 20
    while len(events) < count:
        assert time.monotonic() < deadline, events
        events += pool.poll(0.05)
    return events

def see_ended(process):
    deadline = time.monotonic() + 20
    while ") Z " not in Path(f"/proc/{process}/stat").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.005)

with ProcessPool(read_plan(folder / "plan.json"), folder) as pool:
    work(pool, until)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child is left")
"""
ECHO = "def init(): pass\ndef run(mini_batch): return mini_batch\n"


class Drive(Protocol):
    def __call__(self, work: str, script: str = ECHO) -> list[str]: ...


@pytest.fixture(params=[None, sys.executable], ids=["this python", "another python"])
def python(request: pytest.FixtureRequest) -> str | None:
    """Return the Python that runs the workers. Another Python is the same one, begun anew."""
    found: str | None = request.param
    return found


@pytest.fixture
def drive(tmp_path: Path, python: str | None) -> Drive:
    return lambda work, script=ECHO: drive_pool(tmp_path, work, script, python)


def drive_pool(place: Path, work: str, script: str = ECHO, python: str | None = None) -> list[str]:
    """Run `work` over a pool for four files of one mini-batch each; return what it printed."""
    files = dict.fromkeys("abcd", b"")
    folder = plan_job(place, files, script=script, python=python, mini_batch_size=1)
    body = "".join(f"    {line}\n" for line in work.strip().splitlines())
    done = subprocess.run(
        [sys.executable, "-c", f"def work(pool, until):\n{body}\n{PROGRAM}", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    *printed, last = done.stdout.splitlines()
    assert last == "no child is left"
    return printed


def test_workers_say_that_they_are_ready_and_answer_what_they_are_sent(drive: Drive) -> None:
    work = """
pool.fork(); pool.fork()
print([type(event.message).__name__ for event in until(pool, 2)])
for number, worker in enumerate(pool.workers):
    pool.send(worker, parts[number], 1)
print(sorted((e.worker.slot, e.message.result.files[0].name) for e in until(pool, 2)))
"""
    assert drive(work) == [
        "['Ready', 'Ready']",
        "[(0, 'a'), (1, 'b')]",
    ]


def test_a_death_is_told_with_its_cause_and_frees_the_slot(drive: Drive) -> None:
    work = """
pool.fork(); pool.fork()
until(pool, 2)
os.kill(pool.workers[0].process, signal.SIGKILL)
(event,) = until(pool, 1)
print(event.worker.slot, event.died)
pool.fork()
print([worker.slot for worker in pool.workers])
"""
    assert drive(work) == [
        "0 its process was ended by SIGKILL (out of memory, or killed from outside)",
        "[1, 0]",
    ]


def test_a_worker_that_dies_of_an_exception_is_told_with_its_last_line(drive: Drive) -> None:
    script = """
import os, sys, traceback
def init(): pass
def run(mini_batch):
    try:
        raise ValueError("the licence has run out")
    except ValueError:
        traceback.print_exc()
        os._exit(7)
"""
    work = """
pool.fork()
until(pool, 1)
pool.send(pool.workers[0], parts[0], 1)
(event,) = until(pool, 1)
print(event.died)
"""
    assert drive(work, script) == [
        "its process exited with status 7 after ValueError: the licence has run out"
    ]


def test_what_a_worker_printed_of_an_earlier_mini_batch_explains_no_death(drive: Drive) -> None:
    script = """
import os
def init(): pass
def run(mini_batch):
    if mini_batch[0].endswith("a"):
        raise ValueError("not this file")
    os._exit(7)
"""
    work = """
pool.fork()
until(pool, 1)
pool.send(pool.workers[0], parts[0], 1)
until(pool, 1)
time.sleep(0.1)
pool.poll(0.1)
pool.send(pool.workers[0], parts[1], 1)
(event,) = until(pool, 1)
print(event.died)
"""
    assert drive(work, script) == ["its process exited with status 7"]


def test_a_worker_killed_just_before_it_is_sent_a_mini_batch_is_found(drive: Drive) -> None:
    work = """
pool.fork()
until(pool, 1)
os.kill(pool.workers[0].process, signal.SIGTERM)
see_ended(pool.workers[0].process)
pool.send(pool.workers[0], parts[0], 1)
(event,) = until(pool, 1)
print(event.worker.part.mini_batch, event.died)
"""
    assert drive(work) == ["0 its process was ended by SIGTERM"]


def test_what_a_worker_said_before_it_died_is_heard_first(drive: Drive) -> None:
    script = """
import os, threading, time
def init():
    if os.fork() == 0:
        time.sleep(600)
def run(mini_batch):
    threading.Timer(0.3, os._exit, [5]).start()
    return mini_batch
"""
    work = """
pool.fork()
until(pool, 1)
worker = pool.workers[0]
pool.send(worker, parts[0], 1)
see_ended(worker.process)
print([event.died or type(event.message).__name__ for event in until(pool, 2)])
"""
    assert drive(work, script) == ["['Scored', 'its process exited with status 5']"]


def test_a_worker_that_died_is_told_apart_from_one_that_is_ended(drive: Drive) -> None:
    work = """
pool.fork(); pool.fork()
until(pool, 2)
first, second = pool.workers
os.kill(first.process, signal.SIGSEGV)
see_ended(first.process)
print(pool.end(first))
print(pool.end(second))
"""
    assert drive(work) == [
        "its process was ended by SIGSEGV (a crash in native code)",
        "its process was ended by SIGKILL (out of memory, or killed from outside)",
    ]


def test_a_worker_that_somebody_else_has_waited_for_is_gone(tmp_path: Path) -> None:
    work = """
pool.fork()
until(pool, 1)
os.kill(pool.workers[0].process, signal.SIGTERM)
os.waitpid(pool.workers[0].process, 0)
print(pool.end(pool.workers[0]))
"""
    assert drive_pool(tmp_path, work) == ["its process is gone"]


def test_a_pool_left_by_an_error_leaves_no_process(drive: Drive) -> None:
    script = "import time\ndef init(): time.sleep(600)\ndef run(mini_batch): pass\n"
    assert drive("pool.fork(); pool.fork()", script) == []


def test_every_worker_is_ended_though_the_disk_refuses_their_logs(drive: Drive) -> None:
    script = """
import time
def init(): pass
def run(mini_batch):
    print("a line")
    time.sleep(600)
"""
    work = """
import resource, select
try:
    with ProcessPool(read_plan(folder / "plan.json"), folder) as full:
        full.fork(); full.fork()
        until(full, 2)
        processes = [worker.process for worker in full.workers]
        for worker in full.workers:
            full.send(worker, parts[worker.slot], 1)
            assert select.select([worker.stdout], [], [], 20)[0]
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
except OSError as error:
    print(error.strerror)
print([os.path.exists(f"/proc/{process}") for process in processes])
"""
    assert drive(work, script) == ["File too large", "[False, False]"]


def test_workers_come_and_go_without_leaving_descriptors(drive: Drive) -> None:
    work = """
def opened():
    return len(os.listdir("/proc/self/fd"))
pool.fork()
until(pool, 1)
pool.end(pool.workers[0])
before = opened()
for _ in range(10):
    pool.fork()
    until(pool, 1)
    pool.end(pool.workers[0])
print(opened() - before)
"""
    assert drive(work) == ["0"]


def test_a_worker_holds_nothing_of_its_siblings(tmp_path: Path, python: str | None) -> None:
    script = """
import os
def init(): pass
def run(mini_batch):
    links = [os.readlink(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")
             if os.path.islink(f"/proc/self/fd/{number}")]
    return [f"{sum(link.startswith('socket:') for link in links)}"]
"""
    outcome = score(
        tmp_path,
        dict.fromkeys("abcd", b""),
        script=script,
        python=python,
        processes=4,
        mini_batch_size=1,
    )
    assert outcome.output == b"1\n" * 4


def test_a_script_that_closes_its_output_does_not_keep_the_parent_busy(drive: Drive) -> None:
    script = """
import os, time
def init(): pass
def run(mini_batch):
    os.close(1)
    os.close(2)
    time.sleep(1.5)
    return [1]
"""
    work = """
pool.fork()
until(pool, 1)
pool.send(pool.workers[0], parts[0], 1)
before = time.process_time()
print([type(event.message).__name__ for event in until(pool, 1)])
print("busy" if time.process_time() - before > 0.7 else "idle")
"""
    assert drive(work, script) == ["['Scored']", "idle"]


@pytest.mark.parametrize("processes", [1, 3])
def test_there_are_as_many_workers_as_asked_and_no_more_than_mini_batches(
    tmp_path: Path, processes: int
) -> None:
    script = """
import os, time
from pathlib import Path
def init(): pass
def run(mini_batch):
    marks = Path(__file__).parent / "marks"
    marks.mkdir(exist_ok=True)
    (marks / str(os.getpid())).touch()
    deadline = time.monotonic() + 20
    while len(list(marks.iterdir())) < int(os.environ["ALL"]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return [len(list(marks.iterdir()))]
"""
    outcome = score(
        tmp_path,
        dict.fromkeys("ab", b""),
        script=script,
        processes=processes,
        mini_batch_size=1,
        variables={"ALL": str(min(processes, 2))},
    )
    assert outcome.output == (b"1\n1\n" if processes == 1 else b"2\n2\n")
    logs = sorted(path.name for path in (outcome.folder / "logs").iterdir())
    assert logs == [f"worker-{slot}.txt" for slot in range(min(processes, 2))]


def test_a_worker_dies_with_its_parent(tmp_path: Path, python: str | None) -> None:
    script = """
import os, time
from pathlib import Path
def init(): pass
def run(mini_batch):
    Path(__file__).with_name("process").write_text(str(os.getpid()))
    Path(__file__).with_name("process").rename(Path(__file__).with_name("ready"))
    time.sleep(600)
"""
    import time

    from .test_run import assert_ends

    folder = plan_job(tmp_path, {"a": b""}, script=script, python=python, timeout=600)
    program = Path(__file__).with_name("job.py")
    with subprocess.Popen(
        [sys.executable, str(program), str(folder), json.dumps([None, None, {}])]
    ) as job:
        deadline = time.monotonic() + 30
        while not (tmp_path / "code" / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        job.kill()
    process = int((tmp_path / "code" / "ready").read_text())
    assert process != os.getpid()
    assert_ends(process)
