"""Jobs that a Spark session runs, held against the engine's own driver over mlflow.pyfunc."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from runner.engine.attempt import Attempt
from runner.engine.drivers.mlflow_model import MlflowDriver
from runner.engine.inputs import list_files
from runner.engine.journal import Standing
from runner.engine.pieces import publish
from runner.engine.run import run
from tests.engine.job import plan_job, score, write_files
from tests.engine.models import inputs
from tests.engine.spark.conftest import ISLANDS, ZONE, save_pipeline
from tests.java import needs_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = needs_java
HEADER = b"Island,CulmenLength,FlipperLength\n"


# Signs of a folder's name that an address or a pattern would have otherwise.
ODD_FOLDER = "a müller's %20 [1] {x},y#z?*"


@dataclass(frozen=True)
class Ran:
    """The result of a job."""

    attempts: Sequence[Attempt]
    said: Sequence[str]
    output: bytes
    error: str = ""

    @property
    def errors(self) -> dict[str, str]:
        return {
            file.name: file.error
            for attempt in Standing(self.attempts).counted()
            for file in attempt.files
            if file.error
        }

    def tries(self, mini_batch: int) -> int:
        return sum(attempt.mini_batch == mini_batch for attempt in self.attempts)


def in_spark(
    place: Path,
    files: dict[str, bytes],
    *,
    model: Path | None = None,
    script: str | None = None,
    **settings: Any,
) -> Ran:
    """Run a job in this process, in the session that runs here."""
    folder = plan_job(place, files, model=model, script=script, engine="spark", **settings)
    from runner.engine.plan import read_plan

    plan = read_plan(folder / "plan.json")
    said: list[str] = []
    attempts = run(plan, folder, began=0.0, log=said.append)
    output = publish(plan, folder, attempts) / "predictions.csv"
    assert not list((folder / "pieces").glob("*.draft"))
    return Ran(attempts, said, output.read_bytes())


def rows(count: int, seed: int) -> bytes:
    dice = random.Random(seed)  # noqa: S311
    return b"".join(
        f"{dice.choice(ISLANDS)},{dice.uniform(35, 55)!r},{dice.randint(175, 225)}\n".encode()
        for _ in range(count)
    )


def describe_as_older(model: Path, target: Path) -> None:
    """Let a folder's MLmodel be a model's, saved by an older Spark."""
    described = (model / "MLmodel").read_text()
    older = described.replace("pyspark_version: 4.0", "pyspark_version: 3.3")
    assert older != described
    (target / "MLmodel").write_text(older)


def tells_of_older_spark(ran: Ran) -> bool:
    """Tell whether a job has said once that its model was saved by an older Spark."""
    (doubt,) = {line for line in ran.said if line.startswith("warning: predictions may be wrong")}
    return "the model was saved with pyspark 3.3" in doubt


def by_mlflow(model: Path, place: Path, files: dict[str, bytes]) -> tuple[bytes, dict[str, str]]:
    """Return what the process pool's driver writes of the files, each given to `mlflow.pyfunc`
    whole."""
    written: list[bytes] = []
    folder, listed = list_files(write_files(place, files))
    driver = MlflowDriver(model)
    result = driver.run(
        [folder / file.name for file in listed], lambda text: written.append(bytes(text))
    )
    return b"".join(written), {file.name: file.error for file in result.files if file.error}


def test_files_of_every_kind_in_a_folder_of_any_name_come_to_what_mlflow_makes_of_them(
    spark: SparkSession, species_model: Path, tmp_path: Path
) -> None:
    import pandas as pd

    small = {f"s{number:02}.csv": HEADER + rows(7, number) for number in range(12)}
    (tmp_path / "parquet").mkdir()
    frame = pd.DataFrame(
        {"Island": ["Dream", "Biscoe"], "CulmenLength": [40.0, 52.5], "FlipperLength": [181, 220]}
    )
    frame.to_parquet(tmp_path / "parquet" / "f")
    odd = {
        "a.csv": b'note,Island,CulmenLength,FlipperLength\n"two\nlines",Dream,40.5,190\n',
        "b.csv": b"Island,CulmenLength\nDream,40.5\n",
        "c.csv": HEADER + b"Dream,40.5,190\nDream,long,190\n",
        "d.csv": HEADER + b"Atlantis,40.5,190\n",
        "e.csv": HEADER + b"Dream,,190\n",
        "f.parquet": (tmp_path / "parquet" / "f").read_bytes(),
        "g.csv": HEADER,
    }
    large = {"z.csv": HEADER + rows(9000, 99)}
    files = {**small, **odd, **large}
    expected, errors = by_mlflow(species_model, tmp_path / "alone", files)
    model = tmp_path / ODD_FOLDER / "model"
    model.mkdir(parents=True)
    (model / "sparkml").symlink_to(species_model / "sparkml")
    describe_as_older(species_model, model)
    found = in_spark(
        tmp_path / ODD_FOLDER / "job",
        files,
        model=model,
        mini_batch_size=3,
        max_retries=0,
        slice_above=60_000,
    )
    assert found.output == expected
    assert found.errors == errors
    assert sorted(errors) == ["b.csv", "c.csv", "d.csv", "e.csv", "g.csv"]
    assert "row 1, column 'CulmenLength': 'long' is not a double" in errors["c.csv"]
    assert errors["d.csv"].startswith("d.csv: SparkException: Unseen label: Atlantis.")
    assert {attempt.attempt for attempt in found.attempts} == {1}
    assert "warning: a.csv: columns the model doesn't know are ignored: 'note'" in found.said
    assert any(line.startswith("z.csv is dealt out in ") for line in found.said)
    assert tells_of_older_spark(found)


def test_a_model_that_looks_at_many_rows_is_given_each_file_whole(
    spark: SparkSession, species: Any, tmp_path: Path
) -> None:
    from pyspark.ml import PipelineModel
    from pyspark.ml.feature import SQLTransformer

    mean = "SELECT *, CulmenLength - avg(CulmenLength) OVER () AS prediction FROM __THIS__"
    model = save_pipeline(tmp_path / "model", PipelineModel([SQLTransformer(statement=mean)]))
    describe_as_older(model, model)
    files = {"a.csv": HEADER + rows(5, 1), "b.csv": HEADER + rows(9000, 2)}
    expected, _ = by_mlflow(model, tmp_path / "alone", files)
    found = in_spark(tmp_path / "job", files, model=model, mini_batch_size=1, slice_above=60_000)
    assert found.output == expected
    assert any("files are given to it whole" in line for line in found.said)
    assert tells_of_older_spark(found)


KILLS = """
import os, time
def init():
    global calls
    calls = 0
def run(mini_batch):
    names = [os.path.basename(path) for path in mini_batch]
    if "kill" in names:
        os._exit(3)
    if "raise" in names:
        raise ValueError("no penguin")
    if "slow" in names:
        time.sleep(60)
    return [f"{name} scored" for name in names]
"""


def test_a_script_costs_only_the_mini_batch_that_it_fails_over_its_attempts(
    spark: SparkSession, tmp_path: Path
) -> None:
    files = {f"f{number}": b"" for number in range(4)} | {"kill": b"", "raise": b"", "slow": b""}
    settings: dict[str, Any] = {
        "script": KILLS,
        "mini_batch_size": 1,
        "max_retries": 1,
        "timeout": 1,
    }
    found = in_spark(tmp_path / "spark", files, **settings)
    kept = {name: content for name, content in files.items() if name.startswith("f")}
    by_processes = score(tmp_path / "processes", kept, script=KILLS, mini_batch_size=1)
    assert found.output == by_processes.output
    assert sorted(found.errors) == ["kill", "raise", "slow"]
    assert "ValueError: no penguin" in found.errors["raise"]
    assert found.errors["slow"] == "took longer than 1 s (retry_settings.timeout)"
    assert "Python worker exited unexpectedly" in found.errors["kill"]
    assert [found.tries(number) for number in range(7)] == [1] * 4 + [2, 2, 2]


@pytest.fixture
def in_berlin() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
def test_hours_are_those_of_the_file_whatever_the_zone_of_the_session_and_the_machine(
    spark: SparkSession, tmp_path: Path
) -> None:
    from pyspark.ml import PipelineModel
    from pyspark.ml.feature import SQLTransformer

    hour = SQLTransformer(
        statement="SELECT *, CAST(HOUR(time) AS DOUBLE) AS prediction FROM __THIS__"
    )
    model = save_pipeline(tmp_path / "model", PipelineModel([hour]), inputs(time="datetime"))
    # The second is an hour that New York did not have.
    files = {"a.csv": b"time\n2024-01-01 05:00:00\n2024-03-10 02:30:00\n"}
    found = in_spark(tmp_path / "job", files, model=model)
    assert found.errors == {}
    assert found.output == b"0,5.0,a.csv\n1,2.0,a.csv\n"
    assert (spark.conf.get("spark.sql.session.timeZone"), time.tzname[0]) == (ZONE, "CET")
