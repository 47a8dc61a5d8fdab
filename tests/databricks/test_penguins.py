"""The penguins on Databricks: trained with Spark, registered from the job, scored with Spark."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from runner.environments import open_workspace
from tests.azureml.scored import Run
from tests.databricks.jobs_stage import LinesProject
from tests.java import needs_java
from tests.projects import ROOT


@needs_java
def test_what_a_job_trains_scores_as_it_does_here(lines: LinesProject, run: Run) -> None:
    project, lake = lines.project, lines.lake
    shutil.copytree(ROOT / "models/penguins", project.root / "models/penguins")
    shutil.copytree(ROOT / "data/penguins", project.root / "data/penguins")
    trained = run("train", "penguins", "-o", "json").json()
    assert trained["status"] == "Completed"
    assert trained["run"]["parameters"] == {"maxIter": "5", "regParam": "0.5"}
    assert set(trained["run"]["metrics"]) == {"accuracy", "weightedRecall", "weightedPrecision"}
    assert [model["name"] for model in trained["run"]["models"]] == ["model"]

    registered = run(
        *("models", "register", "--from-job", trained["name"]),
        *("--name", "penguin-predictor", "-o", "json"),
    ).json()
    assert registered["version"] == "1"
    lake.add_batch_deployment(
        "penguins-batch", "spark", f"models:/{lake.schema}.penguin-predictor/1"
    )
    lines.outputs.write_text(json.dumps(lake.outputs()))
    scored = run("score", "penguins-batch", "-o", "json").json()
    assert scored["rows"] == 150
    # By the model that was trained there: other figures of Spark's may come of another machine.
    shutil.rmtree(project.root / "models/penguins/model")
    target = project.root / "models/penguins/model"
    open_workspace("lake").download_asset("model", "azureml:penguin-predictor:1", target)
    here = run("score", "penguins-batch", "-o", "json", "--env", "local").json()
    assert Path(here["output"]).read_bytes() == Path(scored["output"]).read_bytes()
