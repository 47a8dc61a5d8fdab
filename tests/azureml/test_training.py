from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, NotFound
from tests.azureml.stage import Stage


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "diabetes"
    folder.mkdir(parents=True)
    (folder / "train.yml").write_text(
        "type: command\ncommand: python train.py\nenvironment: azureml:env:1\n"
    )
    return folder


def test_training_is_left_to_the_azure_cli(stage: Stage, tmp_path: Path, models: Path) -> None:
    with pytest.raises(EnvironmentRefused) as refused:
        stage.workspace(tmp_path).train("diabetes", {})
    group = stage.group.rpartition("/")[2]
    assert f"az ml job create -f {models / 'train.yml'} -g {group} -w scoring" in str(refused.value)
    assert "--env local" in str(refused.value)


def test_a_model_without_a_job_names_the_nearest(
    stage: Stage, tmp_path: Path, models: Path
) -> None:
    with pytest.raises(NotFound, match=r"declared for 'diabets'; did you mean 'diabetes'"):
        stage.workspace(tmp_path).train("diabets", {})
