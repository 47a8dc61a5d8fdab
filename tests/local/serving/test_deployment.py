"""A deployment's processes and the queue before them."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mlflow.models import ModelSignature
from mlflow.types.schema import Array, ColSpec, Schema

from runner.local.serving import process as process_module
from runner.local.serving.answer import Answer
from runner.local.serving.deployment import Deployment
from runner.local.serving.plan import DeploymentPlan
from runner.local.serving.process import Process

from .recorded_models import save_python, telling
from .scripts import posted, script_plan


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.005)


class Served:
    """A started deployment, and requests that run until they are told to end."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.log = folder / "log.txt"
        self._file = self.log.open("wb")
        self.deployment = Deployment(script_plan(folder, **settings), self._file, self.said.append)
        self._threads = ThreadPoolExecutor(8)
        self._held = 0
        self.deployment.start()

    def ask(self, **wish: Any) -> Answer:
        return self.deployment.score(posted(json.dumps(wish).encode()))

    def ask_meanwhile(self, **wish: Any) -> Future[Answer]:
        return self._threads.submit(self.ask, **wish)

    def hold(self) -> tuple[Future[Answer], Path]:
        """Return a request that is being scored, and the file that lets it end."""
        self._held += 1
        began = self.folder / f"began-{self._held}"
        until = self.folder / f"until-{self._held}"
        answer = self.ask_meanwhile(began=str(began), until=str(until))
        wait_for(began.exists)
        self.wait_until_sent()
        return answer, until

    def wait_until_sent(self) -> None:
        """Wait until the server knows that a process has the whole of a request: a script may
        begin with it before that."""
        wait_for(lambda: any(process._receiving for process in self.deployment._processes))

    def close(self) -> None:
        self.deployment.kill()
        self.deployment.close()
        self._threads.shutdown()
        self._file.close()


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    served: list[Served] = []

    def start(**settings: Any) -> Served:
        served.append(Served(tmp_path, **settings))
        return served[-1]

    yield start
    for each in served:
        each.close()


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Yield a deployment that several tests ask, none of which costs its process."""
    served = Served(tmp_path_factory.mktemp("lasting"), slots=200)
    yield served
    served.close()


def message(answer: Answer) -> str:
    text: str = json.loads(answer.body)["message"]
    return text


def test_init_is_called_once_and_requests_are_answered_one_after_another(lasting: Served) -> None:
    answers = [json.loads(lasting.ask(say=number).body) for number in range(3)]
    assert [answer["said"] for answer in answers] == [0, 1, 2]
    assert len({answer["process"] for answer in answers}) == 1
    assert lasting.log.read_text().count("init was called") == 1


def test_as_many_are_scored_at_once_as_there_are_processes(serve: Serve) -> None:
    served = serve(slots=2, processes=2)
    (first, until_first), (second, until_second) = served.hold(), served.hold()
    for until in (until_first, until_second):
        until.touch()
    processes = {json.loads(held.result(20).body)["process"] for held in (first, second)}
    assert len(processes) == 2


def test_who_comes_when_twice_the_slots_are_inside_is_refused_at_once(serve: Serve) -> None:
    served = serve(slots=1)
    held, until = served.hold()
    waiting = served.ask_meanwhile(say="waited")
    wait_for(lambda: served.deployment._inside == 2)
    refused = served.ask()
    assert (refused.status, refused.by_model) == (429, False)
    assert "2 requests" in message(refused)
    until.touch()
    assert held.result(20).status == 200
    assert json.loads(waiting.result(20).body)["said"] == "waited"
    assert served.ask().status == 200


def test_who_waits_too_long_for_a_process_is_refused(serve: Serve) -> None:
    served = serve(queue_wait=0.0)
    held, until = served.hold()
    refused = served.ask()
    assert refused.status == 429
    assert "max_queue_wait_ms" in message(refused)
    until.touch()
    assert held.result(20).status == 200


def test_who_has_a_slot_waits_for_a_process_as_long_as_a_request_may_take(serve: Serve) -> None:
    served = serve(slots=2, queue_wait=0.0)
    held, until = served.hold()
    waiting = served.ask_meanwhile(say="waited")
    wait_for(lambda: served.deployment._idle._waiting)
    assert served.ask().status == 429
    until.touch()
    assert held.result(20).status == 200
    assert json.loads(waiting.result(20).body)["said"] == "waited"


def test_a_request_may_wait_for_a_process_and_then_be_scored_as_long_again(serve: Serve) -> None:
    served = serve(slots=2, queue_wait=0.0, request_timeout=1.0)
    held, until = served.hold()
    began = time.monotonic()
    waiting = served.ask_meanwhile(until=str(served.folder / "last"))
    time.sleep(0.6)
    until.touch()
    assert held.result(20).status == 200
    time.sleep(0.6)
    (served.folder / "last").touch()
    assert waiting.result(20).status == 200
    took = time.monotonic() - began
    assert served.deployment.plan.request_timeout < took < served.deployment.plan.longest_inside


def test_what_is_worth_a_notice_is_told_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = Answer(200, b"{}", notice="Azure answers 424 to this")

    async def score(*_: object) -> Answer:
        return answer

    monkeypatch.setattr(Process, "score", score)
    served = serve()
    assert [served.ask() for _ in range(3)] == [answer] * 3
    assert served.said == ["deployment 'blue': Azure answers 424 to this"]


def test_that_azure_does_not_start_a_model_is_told_as_it_is_loaded(tmp_path: Path) -> None:
    signature = ModelSignature(None, Schema([ColSpec(Array("double"), "both")]))
    save_python(tmp_path / "model", telling(), signature=signature)
    plan = DeploymentPlan("blue", model=str(tmp_path / "model"))
    said: list[str] = []
    with (tmp_path / "log.txt").open("wb") as log:
        deployment = Deployment(plan, log, said.append)
        try:
            deployment.start()
        finally:
            deployment.kill()
            deployment.close()
    (only,) = said
    assert "Azure does not start this model, for its signature: " in only


def test_what_takes_too_long_is_given_up_and_its_process_replaced(serve: Serve) -> None:
    served = serve(request_timeout=0.2)
    answer = served.ask(until="/never")
    assert (answer.status, answer.by_model) == (408, False)
    assert "200 ms (request_timeout_ms)" in message(answer)
    assert served.deployment.slowest_seconds >= 0.2
    wait_for(lambda: served.deployment.ready == 1)
    assert served.ask().status == 200
    assert len(served.said) == 1


def test_a_process_that_dies_costs_one_request_and_is_replaced(serve: Serve) -> None:
    served = serve()
    before = json.loads(served.ask().body)["process"]
    answer = served.ask(die=3)
    assert (answer.status, answer.by_model) == (500, True)
    # The next waits for the new process, as it would in the backlog of Azure's server.
    assert json.loads(served.ask().body)["process"] != before
    assert served.said == [
        "deployment 'blue': its process exited with status 3; a new process takes its place"
    ]


def test_of_two_requests_that_a_process_was_sent_its_death_costs_the_first(serve: Serve) -> None:
    served = serve(slots=2)
    began, until = served.folder / "began", served.folder / "until"
    first = served.ask_meanwhile(began=str(began), until=str(until), die=3)
    wait_for(began.exists)
    served.wait_until_sent()
    second = served.ask_meanwhile(say="second")
    (process,) = served.deployment._processes
    wait_for(lambda: not process.free)
    until.touch()
    assert first.result(20).status == 500
    assert json.loads(second.result(20).body)["said"] == "second"
    assert len(served.said) == 1


def test_everybody_gets_the_answer_to_their_own_request(lasting: Served) -> None:
    served = lasting
    texts = ["x" * (number % 7) * 50_000 + str(number) for number in range(150)]
    answers = [served.ask_meanwhile(say=text) for text in texts]
    assert [json.loads(each.result(20).body)["said"] for each in answers] == texts

    async def ask_all() -> list[Answer]:
        requests = [posted(json.dumps({"say": text}).encode()) for text in texts]
        assert all(served.deployment.enter() for _ in requests)
        return await asyncio.gather(*map(served.deployment.run, requests))

    assert [json.loads(each.body)["said"] for each in asyncio.run(ask_all())] == texts


def test_the_answer_to_a_request_that_was_given_up_goes_to_nobody(serve: Serve) -> None:
    served = serve(slots=3)
    held, until = served.hold()
    (process,) = served.deployment._processes

    async def give_up() -> None:
        served.deployment.enter()
        asking = asyncio.create_task(served.deployment.run(posted(b'{"say": "given up"}')))
        while process.free:
            await asyncio.sleep(0.005)
        asking.cancel()
        await asyncio.wait([asking])

    asyncio.run(give_up())
    until.touch()
    assert held.result(20).status == 200
    # It has still to write the answer that nobody waits for, so another takes its place.
    assert json.loads(served.ask(say="next").body)["said"] == "next"


def test_a_process_that_died_idle_costs_nothing_where_there_is_another(serve: Serve) -> None:
    served = serve(slots=2, processes=2)
    victim = json.loads(served.ask().body)["process"]
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: any(not process.alive for process in served.deployment._processes))
    assert served.ask().status == 200
    wait_for(lambda: served.deployment.ready == 2)


def test_without_a_process_it_says_so_and_tries_again(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    script = tmp_path / "score.py"
    text = script.read_text()
    script.write_text("raise RuntimeError('not now')\n")
    assert served.ask(die=1).status == 500
    wait_for(lambda: len(served.said) == 2)
    assert "not now (line 1); the next attempt is in 1 s" in served.said[1]
    assert served.ask().status == 503
    script.write_text(text)
    wait_for(lambda: served.deployment.ready == 1)
    assert served.ask().status == 200


@pytest.mark.parametrize("wish", [{"raise": "secret detail"}, {"exit": 4}])
def test_what_a_script_raises_is_500_and_its_traceback_goes_to_the_log(
    lasting: Served, wish: dict[str, Any]
) -> None:
    before = len(lasting.log.read_text())
    answer = lasting.ask(**wish)
    assert (answer.status, answer.by_model) == (500, True)
    assert "Traceback" not in message(answer)
    assert "secret detail" not in message(answer)
    assert "Traceback" in lasting.log.read_text()[before:]
    assert lasting.ask().status == 200
    assert lasting.said == []


def test_what_a_script_prints_is_in_the_log_when_its_answer_is_there(lasting: Served) -> None:
    lasting.ask(print="a word")
    assert " azmlinfsrv.print - a word\n" in lasting.log.read_text()


def is_running(process: int) -> bool:
    """Return whether there is a process, other than one that has ended and waits to be taken note
    of."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(") ")[2][0] != "Z"


def test_a_copy_of_the_process_answers_nobody(lasting: Served) -> None:
    served = lasting
    process = json.loads(served.ask().body)["process"]
    for number in range(3):
        told = json.loads(served.ask(fork=True, say=number).body)
        assert told == {"process": process, "said": number}
    time.sleep(0.2)  # for the copies to say what they have to say
    assert json.loads(served.ask(say="next").body) == {"process": process, "said": "next"}


def test_what_a_script_has_started_ends_with_its_process(serve: Serve) -> None:
    served = serve(request_timeout=0.5)
    started: list[int] = []
    for wish in ({"until": "/never"}, {"die": 3}, {}):
        file = served.folder / f"started-{len(started)}"
        served.ask(start=str(file), **wish)
        started.append(int(file.read_text()))
        wait_for(lambda: served.deployment.ready == 1)
    assert is_running(started[-1])
    served.deployment.close()
    wait_for(lambda: not any(map(is_running, started)))


def test_a_process_that_reads_no_request_is_given_up_in_time(serve: Serve) -> None:
    served = serve(request_timeout=0.5)
    stopped = json.loads(served.ask().body)["process"]
    os.kill(stopped, signal.SIGSTOP)
    assert served.ask(say="a" * 4_000_000).status == 408
    wait_for(lambda: served.deployment.ready == 1)
    assert served.ask().status == 200


@pytest.mark.parametrize("written", [b"hello", b"\0\0\0\7"])
def test_a_script_that_writes_into_the_connection_costs_no_place(
    serve: Serve, written: bytes
) -> None:
    served = serve(request_timeout=0.5)
    answer = served.ask(write=list(written))
    assert answer.status in (408, 500)
    wait_for(lambda: served.deployment.ready == 1)
    assert served.ask().status == 200


def test_a_process_for_which_there_is_no_pipe_is_tried_again(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    served = serve()
    with monkeypatch.context() as patch:
        patch.setattr(process_module, "socketpair", refuse)
        assert served.ask(die=1).status == 500
        wait_for(lambda: len(served.said) == 2)
    assert "did not start: Too many open files; the next attempt is in 1 s" in served.said[1]
    wait_for(lambda: served.deployment.ready == 1)


def test_closing_leaves_no_process(serve: Serve) -> None:
    served = serve()
    process = json.loads(served.ask().body)["process"]
    served.deployment.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert served.ask().status == 503
