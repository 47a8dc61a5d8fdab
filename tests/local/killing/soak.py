"""Jobs that are killed at one of their system calls, damaged, and resumed to the same bytes.

A process that has imported all that a host needs has `killer.c` preloaded. For each job it forks
who begins it and resumes it, and that one forks the hosts. The first host is armed: it, one of its
workers, or both are killed at a call that is drawn. In every tenth job a file that is kept is
damaged before it is resumed.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.projects import ScratchProject, make_project
from tests.pythons import unmeasured

KINDS = ("host", "worker", "both")
DAMAGES = ("emptied", "cut in half", "a byte changed", "zeros", "removed", "bytes added")
FILES = 4
EXPECTED = "".join(f"hello,f{n:03d}.txt,line {i} of {n}\n" for n in range(FILES) for i in range(3))
_EVERY = 10  # of so many jobs one is damaged

_SERVING = """
import ctypes, json, os, random, signal, sys, traceback
from pathlib import Path
import runner.jobs.batch_run, runner.engine.process_pool, runner.report, runner.local.assets
from runner.errors import EnvironmentRefused, RunnerError
from runner.local import host, jobs
from runner.local.workspace import LocalWorkspace
from runner.project import find_project
from runner.workspace import Invocation, JobStatus, Registration

killer = ctypes.CDLL(None)
killer.calls.restype = ctypes.c_long
killer.arm.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int]
LONGEST = 60  # seconds of a job

class Host:
    def __init__(self, home, name, armed=None):
        self.told, told = os.pipe()
        self.status = None
        (Path(home) / "jobs" / name / "logs").mkdir(exist_ok=True)
        self.process = os.fork()
        if self.process == 0:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            if armed:
                killer.arm(*armed)
            status = host.main(str(home), name)
            if armed:
                os.write(told, json.dumps([killer.calls(0), killer.calls(1)]).encode())
            os._exit(status)
        os.close(told)

    def poll(self):
        if self.status is None:
            found, status = os.waitpid(self.process, os.WNOHANG)
            self.status = os.waitstatus_to_exitcode(status) if found else None
        return self.status

    def wait(self):
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        return self.status

def damage(path, how, chance):
    content = bytearray(path.read_bytes())
    path.chmod(0o644)
    if how == "removed":
        path.unlink()
        return
    if how == "emptied":
        content.clear()
    elif how == "cut in half":
        del content[len(content) // 2 :]
    elif how == "a byte changed":
        if content:
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    elif how == "zeros":
        content = bytes(len(content))
    else:
        content += b"more"
    path.write_bytes(content)

def kept_files(home, folder):
    own = ("plan.json", "plan.json.copy", "journal.jsonl", "starts.txt", "interpreter.json")
    found = [folder / name for name in own]
    found += [*folder.glob("pieces/*"), *folder.glob("model/*/*")]
    found += [*home.glob("files/*/*"), *home.glob("trees/*/*/*")]
    return sorted(path for path in found if path.is_file())

def run_one(at, who, both, how, seed, output):
    chance = random.Random(seed)
    workspace = LocalWorkspace(find_project())
    home = find_project().home
    first = []
    def start(home, name, secrets):
        assert not secrets
        first.append(Host(home, name, (at, who, both)))
        return first[0]
    jobs.start_host = start
    try:
        workspace.invoke(Invocation(output_path=output))
    except EnvironmentRefused:
        pass  # killed before it had begun
    status = first[0].wait()
    calls = os.read(first[0].told, 100).decode()
    resumes = []
    def start_again(home, name, secrets):
        assert not secrets
        resumes.append(Host(home, name))
        return resumes[-1]
    jobs.start_host = start_again
    (job,) = workspace.jobs()
    left, damaged, told = str(job.status), None, []
    if how and job.status is not JobStatus.COMPLETED:
        path = chance.choice(kept_files(home, Path(job.folder)))
        damaged = str(path.relative_to(home))
        damage(path, how, chance)
    while job.status is not JobStatus.COMPLETED and len(resumes) < 3:
        try:
            workspace.resume(job.name)
            resumes[-1].wait()
        except RunnerError as error:
            told.append(str(error))
        job = workspace.job(job.name)
        if job.error:
            told.append(job.error)
        if "register" in (job.error or ""):
            # The way out that it names.
            for kind, name in (("model", "greeting"), ("data", "lines")):
                path = Path("data/lines" if kind == "data" else "models/echo/greeting").absolute()
                kinds = {"model": "custom_model", "data": "uri_folder"}
                workspace.register(kind, Registration(name, path, kinds[kind]))
    summary = runner.jobs.summary.read_summary(Path(job.folder))
    rows = summary and summary.rows
    return dict(
        killed=status == -9, calls=calls and json.loads(calls), left=left, damaged=damaged,
        told=told, resumes=len(resumes), status=str(job.status), rows=rows,
    )

for line in sys.stdin:
    readable, writable = os.pipe()
    if os.fork() == 0:
        signal.alarm(LONGEST)
        try:
            answer = run_one(*json.loads(line))
        except BaseException:
            answer = {"error": traceback.format_exc()}
        os.write(writable, json.dumps(answer).encode())
        os._exit(0)
    os.close(writable)
    os.wait()
    with open(readable) as answer:
        print(answer.read() or '{"error": "it did not end"}', flush=True)
"""


@dataclass(frozen=True)
class Killed:
    """A job with how it was killed and how it ended."""

    number: int
    kind: str
    call: int  # at which it was to be killed
    was_killed: bool  # the host or a worker
    damaged: str | None  # the file, below the workspace
    how: str | None
    resumes: int
    wrong: str | None  # None: it came to the same bytes


class Soak:
    """A project whose jobs are killed; `run` them after it was `opened`."""

    def __init__(self, project: ScratchProject, server: subprocess.Popen[str], seed: int) -> None:
        self._project = project
        self._server = server
        self._seed = seed
        self._output = project.root / "out"
        self._base = project.root / "base"
        project.run("models", "register", "-f", "models/echo/model.yml")
        project.run("data", "register", "-f", "models/echo/data.yml")
        shutil.copytree(project.home, self._base)
        # As many as there are, without one that is killed.
        quiet = self._ask(1 << 40, 0, 0, None, 0)
        assert quiet.get("status") == "Completed", quiet
        self.calls: list[int] = quiet["calls"]

    def run(self, jobs: int) -> Iterator[Killed]:
        """Kill so many jobs, at calls from the first to the last in even steps.

        They come in any order, so that the first of them are spread as all are.
        """
        chance = random.Random(self._seed)  # noqa: S311
        for number in chance.sample(range(jobs), jobs):
            kind = KINDS[number % len(KINDS)]
            calls = self.calls[kind != "host"]
            call = 1 + int((number + chance.random()) * calls / jobs)
            how = chance.choice(DAMAGES) if number // len(KINDS) % _EVERY == 0 else None
            came_to = self._ask(
                call, int(kind != "host"), int(kind == "both"), how, f"{self._seed}-{number}"
            )
            damaged = came_to.get("damaged")
            yield Killed(
                number,
                kind,
                call,
                _was_killed(kind, call, came_to),
                damaged,
                how if damaged else None,
                came_to.get("resumes", 0),
                self._wrong(came_to),
            )

    def _ask(self, *asked: object) -> dict[str, Any]:
        shutil.rmtree(self._project.home)
        shutil.rmtree(self._output, ignore_errors=True)
        shutil.copytree(self._base, self._project.home)
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps([*asked, str(self._output)]) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer

    def _wrong(self, came_to: dict[str, Any]) -> str | None:
        if came_to.get("status") != "Completed":
            return str(came_to)
        # Once the output has its place, nothing else tells the report what there is in it.
        if came_to["rows"] != 3 * FILES and "journal" not in str(came_to["damaged"]):
            return str(came_to)
        found = {path.name: path.read_text() for path in self._output.iterdir()}
        return None if found == {"predictions.csv": EXPECTED} else str(found)


def _was_killed(kind: str, call: int, came_to: dict[str, Any]) -> bool:
    """Return whether a job came to the call, by its host's count of calls if the host lives."""
    if kind == "worker" and came_to.get("calls"):
        return bool(came_to["calls"][1] >= call)
    return bool(came_to.get("killed"))


@contextmanager
def opened(place: Path, seed: int) -> Iterator[Soak]:
    """Make a project in an empty folder, and the process that runs its jobs.

    Needs Linux and a C compiler, `cc`.
    """
    library = place / "killer.so"
    source = Path(__file__).with_name("killer.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    project = make_project(place / "project")
    project.lines(FILES)
    with subprocess.Popen(
        [sys.executable, "-c", _SERVING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=project.root,
        env=unmeasured(project.environment(LD_PRELOAD=str(library))),
    ) as server:
        assert server.stdin is not None
        try:
            yield Soak(project, server, seed)
        finally:
            server.stdin.close()  # it ends with the job that it is at
