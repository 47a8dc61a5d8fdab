"""What docs/guides/schedules.md shows is taken: by the declarations, by systemd, by cron."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from runner.cli import runner
from runner.cli.options import Session
from runner.cli.score import score
from runner.declarations import lay_over, read_catalog, read_stack
from runner.invocation.scheduled import scheduled_call
from runner.workspace import Workspace
from tests.projects import ROOT

PAGE = (ROOT / "docs" / "guides" / "schedules.md").read_text()
BLOCKS = dict(re.findall(r"^```(?:ini|yaml)\n# (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
CRON = re.search(r"^```text\n(.*)\n```", PAGE, re.MULTILINE)


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(delimiters="=", interpolation=None)
    found.optionxform = str  # type: ignore[assignment]
    found.read_string(BLOCKS[name])
    return found


def scheduled(line: str) -> str:
    """Return the schedule that a command line of the runner names; fails where it would be
    refused."""
    words = shlex.split(line)
    assert words.pop(0).endswith("/runner")
    assert words.pop(0) == "score"
    session = Session(open_nothing)
    # Click keeps the first help option that it makes for a command: with the settings of all.
    context = score.make_context("score", words, obj=session, **runner.context_settings)
    name: str = context.params["scheduled"]
    assert session.environment == "local"
    return name


def open_nothing(environment: str) -> Workspace:
    raise AssertionError(f"nothing of {environment} is asked")


def test_the_stack_file_on_the_page_is_read(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text(BLOCKS[file.name])
    catalog = lay_over(read_catalog(ROOT / "models"), read_stack(file))
    assert {*catalog.schedules["diabetes-batch"]} == {"nightly", "every-second-monday"}
    call = scheduled_call(catalog, "prod", None, "nightly")
    assert call.settings == {"mini_batch_size": "20", "instance_count": "4"}


def test_the_service_makes_the_call_of_a_schedule() -> None:
    assert scheduled(unit("score-nightly.service")["Service"]["ExecStart"]) == "nightly"


def test_the_timer_is_due_when_the_schedule_is() -> None:
    when = unit("score-nightly.timer")["Timer"]["OnCalendar"]
    assert when == "*-*-* 02:00:00 Europe/Berlin"
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd here")
    done = subprocess.run(
        [analyze, "calendar", when], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert "02:00:00" in done.stdout


def test_the_line_of_cron_makes_the_call_of_a_schedule() -> None:
    assert CRON is not None
    *when, command = CRON[1].split(" ", 5)
    assert when == ["0", "2", "*", "*", "*"]
    change, _, call = command.partition(" && ")
    assert change == "cd /srv/scoring"
    assert scheduled(call.partition(" >> ")[0]) == "nightly"
