"""A job over Spark Connect, whose server is Spark's own."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from runner.engine.spark.session import give_up_sooner
from tests.engine.job import score
from tests.java import needs_java
from tests.projects import ROOT

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = needs_java
DIABETES = ROOT / "models" / "diabetes" / "model"
PATIENTS = ROOT / "data" / "diabetes" / "unlabeled"


@pytest.fixture
def server(spark: SparkSession, connect_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the shell lead to Spark Connect, with no Java there to begin a session of its own."""
    monkeypatch.setenv("RUNNER_SPARK_MASTER", f"sc://127.0.0.1:{connect_port}")
    monkeypatch.setenv("JAVA_HOME", "/nowhere")


def seconds_of_trying() -> float:
    """Return how long a call to a server that is gone is tried again."""
    from pyspark.sql.connect.client import SparkConnectClient

    client = SparkConnectClient("sc://127.0.0.1:1")
    give_up_sooner(client)
    (policy,) = client.get_retry_policies()
    waits = policy.to_state()
    seconds = 0.0
    while (wait := waits.next_attempt()) is not None:
        seconds += wait / 1000
    return seconds


def test_a_server_that_is_gone_is_called_so_within_half_a_minute() -> None:
    # In a process that has not imported Pulumi, as other tests' has: both bring the messages of
    # google.rpc, and a process takes them only once.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert 5 < pool.submit(seconds_of_trying).result() < 30


@pytest.mark.usefixtures("server")
def test_the_sample_comes_to_the_bytes_of_the_process_pool(tmp_path: Path) -> None:
    files = {path.name: path.read_bytes() for path in PATIENTS.iterdir()}
    files["patients-0.csv"] = b"not,the,columns\n1,2,3\n"
    found = {
        engine: score(tmp_path / engine, files, model=DIABETES, engine=engine, mini_batch_size=1)
        for engine in ("spark", "process")
    }
    assert [outcome.error for outcome in found.values()] == [None, None]
    assert found["spark"].output == found["process"].output
    assert found["spark"].said == found["process"].said
    files_of = {
        engine: {attempt.mini_batch: attempt.files for attempt in outcome.attempts}
        for engine, outcome in found.items()
    }
    assert files_of["spark"] == files_of["process"]
