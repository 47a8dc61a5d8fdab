"""A person who has set nothing up signs in at a terminal, in a browser."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.azureml.stage import Stage
from tests.azureml.storm import LOGGED, find_leaks
from tests.emulator import addresses
from tests.emulator.faults import Answer, Drop, ExpireTokens, server_error
from tests.emulator.tokens import SignIn
from tests.projects import ROOT

RUNNER = ("-m", "runner")
_SECONDS = 60  # before a command counts as stuck

# Follows an address as a browser does, and is as talkative as one.
_BROWSER = """#!{python}
import html
import re
import sys

import requests

print("Opening in existing browser session.", flush=True)
page = requests.get(sys.argv[1], timeout=30)
page.raise_for_status()
fields = re.findall(r'name="(\\w+)" value="([^"]*)"', page.text)
(address,) = re.findall(r'method="POST" action="([^"]*)"', page.text)
requests.post(html.unescape(address), {{k: html.unescape(v) for k, v in fields}}, timeout=30)
"""
# Shows the page to nobody.
_IDLE_BROWSER = """#!/bin/sh
echo opened >> {mark}
exec /bin/sleep 1 < /dev/null > /dev/null 2>&1
"""


# Asks for two tokens, and goes on where it gets none.
_STUBBORN = """
from runner.azure.clouds import get_cloud
from runner.azure.credentials import Credential
from runner.errors import EnvironmentRefused

credential = Credential(get_cloud("AzureTest"), "a-subscription")
for scope in ("https://management.azure.test/.default", "https://ml.azure.test/.default"):
    try:
        credential.get_token(scope)
    except EnvironmentRefused as error:
        print(error)
"""


@dataclass
class Terminal:
    """A machine with a terminal and a browser, on which nobody is signed in."""

    stage: Stage
    folder: Path
    opened: Path = field(init=False)  # what a browser that leads nowhere writes to

    def __post_init__(self) -> None:
        self.opened = self.folder / "opened"
        self.browser = self._script("browser", _BROWSER.format(python=sys.executable))
        self.idle_browser = self._script("idle", _IDLE_BROWSER.format(mark=self.opened))
        self.outputs = self.stage.write(self.folder)
        (self.folder / "Pulumi.yaml").touch()

    def environment(self, browser: Path | None, **more: str) -> dict[str, str]:
        """Return the variables of a person who has set nothing but what leads to this cloud."""
        secret = (
            "AZURE_",
            "ARM_CLIENT_",
            "ARM_TENANT_",
            "RUNNER_",
            "BROWSER",
            "DISPLAY",
            "WAYLAND",
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith(secret)}
        kept |= {
            "HOME": str(self.folder),
            "PATH": str(self.folder / "bin"),  # without az, azd, PowerShell and any browser
            "PYTHONPATH": str(ROOT),
            "NO_COLOR": "1",
            "AZURE_TOKEN_CREDENTIALS": "dev",  # no look for a managed identity, which takes time
            **more,
        }
        return kept if browser is None else kept | {"BROWSER": f"{browser} %s &"}

    @contextmanager
    def running(
        self, *words: str, browser: Path | None, start: Sequence[str] = RUNNER, **more: str
    ) -> Iterator[Sitting]:
        """Run a command, whose stdout is no terminal, for as long as the block lasts."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, *start, *words, "-e", "dev", "--outputs", self.outputs],
            cwd=self.folder,
            env=self.environment(browser, **more),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            start_new_session=True,
        )
        os.close(theirs)
        sitting = Sitting(process, ours)
        try:
            yield sitting
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=_SECONDS)
            os.close(ours)

    def run(
        self, *words: str, browser: Path | None, start: Sequence[str] = RUNNER, **more: str
    ) -> Sitting:
        """Run a command to its end, with more variables."""
        with self.running(*words, browser=browser, start=start, **more) as sitting:
            sitting.wait()
        return sitting

    def _script(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path


class Sitting:
    """A command at the terminal, and the text that it shows there."""

    def __init__(self, process: subprocess.Popen[str], terminal: int) -> None:
        self.process = process
        self.stdout = ""
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read, args=(terminal,), daemon=True)
        self._reader.start()

    @property
    def shown(self) -> str:
        return self._shown.decode().replace("\r\n", "\n")

    @property
    def error(self) -> str:
        return self.shown.rstrip("\n").rpartition("\n")[2]

    def wait(self) -> int:
        """Wait until it ends, and return its exit status."""
        self.stdout, _ = self.process.communicate(timeout=_SECONDS)
        self._reader.join(_SECONDS)
        return self.process.returncode

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def _read(self, terminal: int) -> None:
        while True:
            try:
                more = os.read(terminal, 4096)
            except OSError:  # nobody holds the other end any more
                return
            if not more:
                return
            self._shown += more


@pytest.fixture
def terminal(stage: Stage, tmp_path: Path) -> Terminal:
    stage.batch("diabetes-batch")
    stage.emulator.requests.clear()
    return Terminal(stage, tmp_path)


def visits(stage: Stage) -> int:
    """Return how often a browser came to sign in."""
    return sum(
        request.path.endswith("/oauth2/v2.0/authorize") for request in stage.emulator.requests
    )


def test_a_person_signs_in_in_a_browser_and_gets_results_and_nothing_else(
    terminal: Terminal,
) -> None:
    ended = terminal.run("models", "list", "-o", "json", browser=terminal.browser)
    assert ended.process.returncode == 0, ended.shown
    assert [model["name"] for model in json.loads(ended.stdout)] == ["diabetes"]
    assert ended.shown.startswith("signing in to Azure in a browser ...")
    assert "Opening in existing browser session." in ended.shown
    assert visits(terminal.stage) == 1


def token_requests(stage: Stage) -> int:
    return sum(request.path.endswith("/oauth2/v2.0/token") for request in stage.emulator.requests)


def test_a_log_of_everything_holds_nothing_that_signs_in(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = terminal.stage.emulator.cloud.tokens
    give_code, codes = tokens.give_code, set[str]()

    def noted(sign_in: SignIn) -> str:
        codes.add(code := give_code(sign_in))
        return code

    monkeypatch.setattr(tokens, "give_code", noted)
    ended = terminal.run("jobs", "list", browser=terminal.browser, start=LOGGED)
    assert ended.process.returncode == 0, ended.shown
    assert "DEBUG:msal." in ended.shown
    assert codes
    assert not find_leaks(ended.shown, codes)


def test_another_service_is_asked_without_another_visit(terminal: Terminal) -> None:
    ended = terminal.run("jobs", "list", "-o", "json", browser=terminal.browser)
    assert ended.process.returncode == 0, ended.shown
    assert token_requests(terminal.stage) == 2
    assert visits(terminal.stage) == 1
    assert ended.shown.count("signing in") == 1


def test_a_person_signs_in_to_the_tenant_that_is_set_or_else_to_the_subscriptions(
    terminal: Terminal,
) -> None:
    tenant = terminal.stage.emulator.cloud.application.tenant
    for more in ({}, {"AZURE_TENANT_ID": "organizations"}):
        ended = terminal.run("models", "list", browser=terminal.browser, **more)
        assert ended.process.returncode == 0, ended.shown
    asked = [
        request.path for request in terminal.stage.emulator.requests if "/authorize" in request.path
    ]
    assert [path.split("/")[1] for path in asked] == [tenant, "organizations"]


def test_a_person_whose_token_is_refused_signs_in_again(terminal: Terminal) -> None:
    terminal.stage.emulator.faults.inject(ExpireTokens(), path="*/models")
    ended = terminal.run("models", "list", browser=terminal.browser)
    assert ended.process.returncode == 0, ended.shown
    assert visits(terminal.stage) == 2


def test_a_person_who_declines_is_not_asked_again(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal.stage.emulator.cloud.tokens, "person_declines", True)
    ended = terminal.run(browser=terminal.browser, start=("-c", _STUBBORN))
    first, second = ended.stdout.splitlines()
    assert first == second
    assert "AADSTS65004" in first
    assert visits(terminal.stage) == 1


@pytest.mark.parametrize("words", [("models", "list"), ("env", "doctor")])
def test_a_person_who_declines_is_told_so(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(terminal.stage.emulator.cloud.tokens, "person_declines", True)
    ended = terminal.run(*words, browser=terminal.browser)
    assert ended.process.returncode == 3
    assert visits(terminal.stage) == 1
    said = ended.shown + ended.stdout
    assert "not signed in to Azure (in the browser: AADSTS65004: User declined" in said
    assert "a browser. Run `az login`, or set AZURE_TENANT_ID" in said
    if words == ("models", "list"):
        assert ended.error.startswith("error: not signed in")
        assert len(ended.shown.splitlines()) == 3  # with the announcement and what the browser said


@pytest.mark.parametrize(
    ("fault", "path"), [(Drop("before"), "*/token"), (server_error(), "*/openid-configuration")]
)
def test_a_sign_in_that_breaks_off_in_the_browser_is_told_in_one_line(
    terminal: Terminal, fault: Drop | Answer, path: str
) -> None:
    terminal.stage.emulator.faults.inject(fault, host=addresses.LOGIN_HOST, path=path, times=None)
    ended = terminal.run("models", "list", browser=terminal.browser)
    assert ended.process.returncode == 3
    assert ended.error.startswith("error: can't sign in to Azure (in the browser: "), ended.shown
    assert "try again in a while" in ended.error
    assert "Traceback" not in ended.shown


def test_an_open_browser_can_be_interrupted(terminal: Terminal) -> None:
    with terminal.running("models", "list", browser=terminal.idle_browser) as sitting:
        deadline = time.monotonic() + _SECONDS
        while not terminal.opened.exists():
            assert sitting.process.poll() is None, sitting.shown
            assert time.monotonic() < deadline
            time.sleep(0.01)
        sitting.interrupt()
        assert sitting.wait() == 130
    assert "Traceback" not in sitting.shown


def test_without_a_browser_the_way_out_needs_none(terminal: Terminal) -> None:
    ended = terminal.run("models", "list", browser=None)
    assert ended.process.returncode == 3
    assert ended.error.startswith(
        "error: not signed in to Azure (in the browser: Failed to open a browser); tried "
    )
    assert "Run `az login --use-device-code`, or set AZURE_TENANT_ID" in ended.error
    assert len(ended.shown.splitlines()) == 2


def test_without_a_terminal_no_browser_is_opened(terminal: Terminal) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "runner", "models", "list", "-e", "dev"],
        cwd=terminal.folder,
        env=terminal.environment(terminal.idle_browser, RUNNER_OUTPUTS=str(terminal.outputs)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert ended.returncode == 3
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: not signed in to Azure; tried ")
    assert "az login, Connect-AzAccount, azd auth login" in line
    assert "browser" not in line
    assert ended.stdout == ""
    assert not terminal.opened.exists()
    assert visits(terminal.stage) == 0
