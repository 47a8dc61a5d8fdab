"""Faults while models and data are registered and fetched: no second version, nothing lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from runner.assets.content import hash_path
from runner.assets.kinds import AssetKind
from runner.azure import client
from runner.databricks.workspace import DatabricksWorkspace
from runner.errors import EnvironmentRefused
from runner.workspace import Asset, Registration
from tests.azureml.storm import SERVICES, Weather
from tests.emulator.databricks.seed import SeededLake
from tests.emulator.faults import Stall

_HOST = "adb-*"
_PASSING = tuple(
    weather for weather in SERVICES if weather.times and not isinstance(weather.fault, Stall)
)
_numbers = count()


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(client.RETRIES, "retry_backoff_factor", 0.01)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")


def data(folder: Path, number: int) -> Path:
    (folder / f"data-{number}" / "deep").mkdir(parents=True)
    (folder / f"data-{number}" / "a.csv").write_text(f"{number}\n")
    (folder / f"data-{number}" / "deep" / "b.csv").write_text("2\n")
    return folder / f"data-{number}"


def model(folder: Path, number: int) -> Path:
    (folder / f"model-{number}").mkdir()
    signature = 'signature: {inputs: \'[{"type": "double"}]\', outputs: \'[{"type": "long"}]\'}\n'
    (folder / f"model-{number}" / "MLmodel").write_text(f"{signature}flavors: {{}}\n")
    (folder / f"model-{number}" / "model.pkl").write_text(str(number))
    return folder / f"model-{number}"


@pytest.mark.parametrize(
    ("kind", "make", "faults"), [("data", data, 12), ("model", model, 6)], ids=["data", "model"]
)
def test_no_fault_makes_a_second_version_or_loses_one(
    lake: SeededLake,
    workspace: DatabricksWorkspace,
    tmp_path: Path,
    kind: AssetKind,
    make: Callable[[Path, int], Path],
    faults: int,
) -> None:
    dice = random.Random(kind)  # noqa: S311 - to be repeated, not to be secret

    def register(path: Path) -> Asset:
        type_ = "mlflow_model" if kind == "model" else "uri_folder"
        asset = workspace.register(kind, Registration("kept", path, type_))
        content = workspace.contents(kind, asset.reference)
        assert sum(len(b"".join(file.read())) for file in content.files) == content.size
        return asset

    known = {register(make(tmp_path, next(_numbers))).content_hash}
    lake.emulator.requests.clear()
    known.add(register(make(tmp_path, next(_numbers))).content_hash)
    length = sum(request.host.startswith("adb-") for request in lake.emulator.requests)
    refusals: list[str] = []
    while faults:
        weather: Weather = dice.choice(_PASSING)
        path, position = make(tmp_path, next(_numbers)), dice.randrange(length)
        lake.emulator.faults.inject(weather.fault, host=_HOST, skip=position, times=weather.times)
        said = f"{weather.name} at request {position}"
        try:
            register(path)
        except EnvironmentRefused as error:
            refusals.append(str(error))
        faults -= bool(lake.emulator.faults.injected)
        lake.emulator.faults.clear()
        asset = register(path)
        assert asset.content_hash == hash_path(path), said
        known.add(asset.content_hash)
        versions = [version.content_hash for version in workspace.assets(kind, "kept")]
        assert len(versions) == len(set(versions)), said
        assert set(versions) == known, said
    assert all("\n" not in refusal for refusal in refusals)
