"""A hundred faults over the commands: each ends well, or says why and can be taken up again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.azureml.stage import LOCATION
from tests.azureml.storm import (
    SERVICES,
    Scene,
    Weather,
    find_leaks,
    make_scene,
    weather,
    weathers,
)
from tests.azureml.storm_trial import check_ending, judge, meet, numbers, set_environment
from tests.azureml.storm_walks import SHARES, Score, Share
from tests.emulator import Emulator, addresses
from tests.emulator.faults import Answer, Drop, server_error
from tests.emulator.request_log import LoggedRequest

_TRIALS = 100
_PARTS = 4
# Of a command's faults, one in so many befalls the sign-in, which is the same for every command, a
# change, which must not happen twice, and the blobs; the others befall the other requests.
_ONE_IN = {"sign-in": 5, "change": 2, "storage": 3}


@dataclass(frozen=True)
class Trial:
    """A command and the fault that befalls it."""

    share: Share
    position: int  # of the request that is befallen
    part: str  # of a command that the request belongs to
    weather: Weather

    @property
    def kind(self) -> tuple[str, str]:
        """Return the kind of fault, and the part of a command that it befalls."""
        return self.part, self.weather.name


@pytest.fixture(scope="session")
def scene_of_storm(
    scoring_cloud: Emulator, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Scene, list[Trial]]:
    """Return the scene, and the trials that are drawn from a walk in fine weather."""
    root = tmp_path_factory.mktemp("storm")
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, scoring_cloud, root)
        scene = make_scene(scoring_cloud, root)
        with scene.going():
            trials = _plan(scene)
    return scene, trials


@pytest.fixture
def storm(
    scene_of_storm: tuple[Scene, list[Trial]],
    scoring_cloud: Emulator,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Scene, list[Trial]]]:
    scene, trials = scene_of_storm
    set_environment(monkeypatch, scoring_cloud, scene.root)
    with scene.going():
        yield scene, trials
    scoring_cloud.faults.clear()


def _plan(scene: Scene) -> list[Trial]:
    """Draw trials, the same in every process; every kind that can be met is among them."""
    drawn: list[Trial] = []
    times = Counter[tuple[str, str]]()  # that a kind was drawn
    dice = random.Random(4)  # noqa: S311 - to be repeated, not to be secret
    for share in SHARES:
        walk = share.walk(scene, f"calm-{next(numbers)}")
        scene.emulator.requests.clear()
        ended = scene.run(*walk.words, quiet=walk.quiet)
        assert ended.status == 0, str(ended)
        walk.check_done(ended)
        found: dict[str, list[Trial]] = {name: [] for name in (*_ONE_IN, "other")}
        for position, request in enumerate(scene.emulator.requests):
            part = _part(request)
            found[part] += [Trial(share, position, part, fault) for fault in weathers(request)]
        for trials in found.values():
            dice.shuffle(trials)
            times.update({trial.kind: 0 for trial in trials})
        left = share.faults
        for part, divisor in (*_ONE_IN.items(), ("other", 1)):
            for _ in range(min(left, len(found[part]), max(1, share.faults // divisor))):
                chosen = min(found[part], key=lambda trial: times[trial.kind])
                found[part].remove(chosen)
                times[chosen.kind] += 1
                drawn.append(chosen)
                left -= 1
    assert not [kind for kind, drawings in times.items() if not drawings]
    return drawn


def _part(request: LoggedRequest) -> str:
    if request.host == addresses.LOGIN_HOST or request.path.startswith("/metadata"):
        return "sign-in"
    if addresses.BLOB_HOST.fullmatch(request.host):
        return "storage"
    put = request.method == "PUT" and ("/versions/" in request.path or "/jobs/" in request.path)
    posted = request.method == "POST" and request.path.endswith(("/jobs", "/cancel"))
    return "change" if put or posted else "other"


@pytest.mark.parametrize("part", range(_PARTS))
def test_a_command_ends_well_or_can_be_taken_up_again_in_any_weather(
    storm: tuple[Scene, list[Trial]], part: int
) -> None:
    scene, trials = storm
    assert len(trials) == _TRIALS
    for trial in trials[part::_PARTS]:
        _go_through(scene, trial)
    files = (path for path in scene.root.rglob("*") if path.is_file())
    assert not scene.leaks(*(path.read_text(errors="replace") for path in files))


def test_a_job_that_fails_is_told_and_scored_again(storm: tuple[Scene, list[Trial]]) -> None:
    scene, _ = storm
    walk = Score(scene, f"failing-{next(numbers)}")
    scene.jobs.fail = True
    first = scene.run(*walk.words)
    check_ending(scene, first)
    (name,) = walk.begun
    assert first.status == 1
    assert first.error.startswith(f"error: job {name} failed: The script raised ValueError.")
    assert "the script said no" in first.error
    walk.check_failed(first)
    walk.check_done(scene.run(*walk.words))


@pytest.mark.parametrize("what", SERVICES, ids=lambda what: what.name)
def test_no_job_is_lost_or_doubled_where_the_service_takes_no_names(
    storm: tuple[Scene, list[Trial]], monkeypatch: pytest.MonkeyPatch, what: Weather
) -> None:
    scene, _ = storm
    monkeypatch.setattr(scene.emulator.cloud, "ignores_job_names", True)
    walk = Score(scene, f"nameless-{next(numbers)}")
    with weather(scene, 0, what, addresses.inference("busy-*", LOCATION).partition("//")[2]):
        first = scene.run(*walk.words)
        assert scene.emulator.faults.injected
    if first.status and walk.begun:
        assert "may be it: look with `runner jobs show NAME`" in first.error
    judge(scene, walk, first)


def test_a_deployment_that_is_not_ready_begins_no_job(storm: tuple[Scene, list[Trial]]) -> None:
    scene, _ = storm
    state = scene.emulator.cloud.state
    actual = scene.stage.endpoints["busy"]["name"]
    path = f"{scene.stage.workspace_id}/batchEndpoints/{actual}/deployments/instant"
    walk = Score(scene, f"unready-{next(numbers)}")
    deployment = state.get(path)
    assert deployment is not None
    ready = state.update(deployment, {"provisioningState": "Updating"})
    first = scene.run(*walk.words)
    state.update(ready, {"provisioningState": "Succeeded"})
    check_ending(scene, first)
    assert first.status == 3
    assert "instant is not ready" in first.error
    assert walk.begun == {}
    walk.check_failed(first)
    walk.check_done(scene.run(*walk.words))


@pytest.mark.parametrize("fault", [Drop("before"), server_error()])
def test_a_sign_in_that_stays_away_is_not_taken_for_a_refusal(
    storm: tuple[Scene, list[Trial]], fault: Drop | Answer
) -> None:
    scene, _ = storm
    scene.emulator.faults.inject(fault, host=addresses.LOGIN_HOST, times=None)
    ended = scene.run("jobs", "list", quiet=True)
    check_ending(scene, ended)
    assert ended.status == 3
    assert ended.error.startswith("error: can't sign in to Azure")
    assert "try again in a while" in ended.error


@pytest.mark.parametrize(
    "text",
    [
        "the key is s3cr/t+key",
        "https://host/?key=s3cr%2Ft%2Bkey",
        "token eyJhbGciOiJIUzI1NiJ9.e30.x",
        "PUT /container/blob?sv=1&sig=abcd%2F",
        "Authorization: Bearer abcdefgh",
    ],
)
def test_a_leak_would_be_found(text: str) -> None:
    assert find_leaks(f"before\n{text}\nafter", {"s3cr/t+key"})


def test_what_is_masked_is_no_leak() -> None:
    assert not find_leaks("Bearer *** for https://host/?sig=***", {"s3cr/t+key"})


def _go_through(scene: Scene, trial: Trial) -> None:
    # What goes on at once in a command may be fewer requests than it was.
    for position in range(trial.position, -1, -1):
        if meet(scene, trial.share, position, trial.weather):
            return
    raise AssertionError(f"{trial} met no request")
