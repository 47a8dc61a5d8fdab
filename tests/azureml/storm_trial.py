"""Runs a trial of the storm, which is a command and a fault, and judges how the command ended."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from azure.core.pipeline.policies import RetryPolicy

from runner.azure import client
from runner.azureml import storage, submission
from tests.azureml.storm import Ended, Scene, Weather, weather
from tests.azureml.storm_walks import Share, Walk
from tests.emulator import Emulator

_LONGEST = 30.0  # seconds that any command may take in any weather
numbers = count()  # for names that were not used before


def set_environment(patch: pytest.MonkeyPatch, cloud: Emulator, root: Path) -> None:
    """Lead to a cloud, from a project in a folder, and shorten all pauses."""
    for name, value in cloud.environment.items():
        patch.setenv(name, value)
    patch.setenv("RUNNER_POLL_INTERVAL", "0.02")
    patch.setenv("RUNNER_PROJECT", str(root))
    # A machine without cloud takes long to find out that it has no identity of its own.
    patch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    patch.chdir(root)
    patch.setitem(client.RETRIES, "retry_backoff_factor", 0.01)
    patch.setattr(RetryPolicy, "BACKOFF_MAX", 0.05)  # of azure-identity
    patch.setattr(submission, "_FIRST_PAUSE", 0.005)
    patch.setitem(storage._RETRIES, "initial_backoff", 0.01)
    patch.setitem(storage._RETRIES, "increment_base", 0.1)
    patch.setitem(storage._RETRIES, "random_jitter_range", 0)


def meet(scene: Scene, share: Share, position: int, what: Weather) -> Ended | None:
    """Run a command with a fault, and again where that failed; return how it ended at first.

    None where it met none. Raises AssertionError unless it ended well, and after all did its work.
    """
    number = next(numbers)
    walk = share.walk(scene, f"storm-{number}")
    with weather(scene, position, what):
        first = scene.run(*walk.words, verbose=number % 2 == 0, quiet=walk.quiet)
        met = bool(scene.emulator.faults.injected)
    try:
        judge(scene, walk, first)
    except AssertionError as error:
        raise AssertionError(f"{what.name} at request {position}: {error}\n{first}") from error
    return first if met else None


def judge(scene: Scene, walk: Walk, first: Ended) -> None:
    """Raise AssertionError unless a command ended well, or can be taken up again and then does."""
    check_ending(scene, first)
    last = first
    if first.status:
        walk.check_failed(first)
        for words in walk.again(first):
            last = scene.run(*words, quiet=walk.quiet)
            assert last.status == 0, f"it can't be taken up again: {last}"
            check_ending(scene, last)
    walk.check_done(last)
    assert not scene.litter(walk.folder)


def check_ending(scene: Scene, ended: Ended) -> None:
    """Check that it took not too long and showed no secret, and that an error is one clear line."""
    assert ended.seconds < _LONGEST, str(ended)
    assert not scene.leaks(ended.stdout, ended.stderr)
    if ended.status:
        assert ended.status in (1, 3), str(ended)
        assert ended.error.startswith("error: "), str(ended)
        assert "unexpected" not in ended.error, str(ended)
        assert ("Traceback" in ended.stderr) <= ("-v" in ended.words), str(ended)
