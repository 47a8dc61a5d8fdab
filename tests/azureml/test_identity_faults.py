"""Faults where the blobs are read and written with a token, and no signature is used."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.azureml.storm import DROPS, Scene, Weather, make_scene
from tests.azureml.storm_trial import meet, numbers, set_environment
from tests.azureml.storm_walks import (
    DataRegister,
    Fetch,
    JobsDownload,
    Score,
    Share,
    Walk,
)
from tests.emulator import Emulator, addresses
from tests.emulator.faults import (
    ExpireTokens,
    Repeat,
    storage_busy,
    storage_forbidden,
    throttled,
    unavailable,
)
from tests.emulator.request_log import LoggedRequest

_WALKS = (DataRegister, Score, Fetch, JobsDownload)  # models are sent as data is
_BLOBS = (
    *DROPS,
    Weather("storage 429", throttled()),
    Weather("storage 503", storage_busy()),
    Weather("storage 503 for good", storage_busy(), None),
    Weather("storage 403", storage_forbidden()),
    Weather("expired tokens", ExpireTokens()),
    Weather("expired tokens for good", ExpireTokens(), None),
    Weather("repeated secrets", Repeat()),
)
_SIGN_IN = (Weather("sign-in 429", throttled()), Weather("sign-in 503", unavailable()), *DROPS)


@pytest.fixture(scope="session")
def identity_scene(scoring_cloud: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    root = tmp_path_factory.mktemp("identity")
    with pytest.MonkeyPatch.context() as patch:
        set_environment(patch, scoring_cloud, root)
        return make_scene(scoring_cloud, root, by_identity=True)


@pytest.fixture
def scene(
    identity_scene: Scene, scoring_cloud: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    set_environment(monkeypatch, scoring_cloud, identity_scene.root)
    with identity_scene.going():
        yield identity_scene
    scoring_cloud.faults.clear()


def requests_of(scene: Scene, share: Share) -> list[LoggedRequest]:
    """Return the requests of a command without a fault."""
    walk = share.walk(scene, f"calm-{next(numbers)}")
    scene.emulator.requests.clear()
    ended = scene.run(*walk.words)
    assert ended.status == 0, str(ended)
    walk.check_done(ended)
    return list(scene.emulator.requests)


def is_blob(request: LoggedRequest) -> bool:
    return bool(addresses.BLOB_HOST.fullmatch(request.host)) and request.method != "CONNECT"


def is_signed(request: LoggedRequest) -> bool:
    """Tell whether a request is signed; the addresses of logs, which always are, don't count."""
    return "sig" in request.query and "/ExperimentRun/" not in request.path


@pytest.mark.parametrize("walk", _WALKS)
def test_a_command_ends_well_or_can_be_taken_up_again_whatever_befalls_blobs_and_sign_in(
    scene: Scene, walk: type[Walk]
) -> None:
    share = Share(walk, 0)
    requests = requests_of(scene, share)
    assert not [
        request
        for request in requests
        if is_signed(request) or request.path.endswith("/listSecrets")
    ]
    blobs = [position for position, request in enumerate(requests) if is_blob(request)]
    sign_in = [p for p, request in enumerate(requests) if request.path.endswith("/token")]
    dice = random.Random(walk.__name__)  # noqa: S311 - to be repeated, not to be secret
    trials = [(what, dice.choice(blobs)) for what in _BLOBS]
    trials.append((dice.choice(_SIGN_IN), dice.choice(sign_in)))
    for what, position in trials:
        # What goes on at once in a command may be fewer requests than it was.
        ended = next(filter(None, (meet(scene, share, p, what) for p in range(position, -1, -1))))
        if what.name == "expired tokens":
            assert ended.status == 0, str(ended)
