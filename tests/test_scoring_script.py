"""Where the scoring script of a deployment lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.declarations import read_catalog
from runner.declarations.deployment import Deployment
from runner.errors import EnvironmentRefused, NotFound
from runner.scoring_script import find_script
from tests.projects import ScratchProject


def deployment_with(root: Path, code: str) -> Deployment:
    """Return a deployment whose script is `deep/score.py` in its code."""
    project = ScratchProject(root)
    declared = f"code_configuration: {{code: '{code}', scoring_script: deep/score.py}}\n"
    project.write("models/m/batch-endpoint.yml", "name: lines\n")
    project.write("models/m/batch-deployment.yml", f"name: main\nendpoint_name: lines\n{declared}")
    project.write("models/m/code/deep/score.py", "")
    return read_catalog(root / "models").batch_deployments["lines"]["main"]


def test_a_script_comes_with_the_whole_folder_of_its_code(tmp_path: Path) -> None:
    script = find_script(deployment_with(tmp_path, "./code"))
    assert script is not None
    assert (script.code.name, script.name) == ("code", "deep/score.py")
    assert script.path.is_file()


def test_code_that_is_elsewhere_or_lacks_the_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentRefused, match=r"'main' is not on this machine \(azureml:c:1\)"):
        find_script(deployment_with(tmp_path / "a", "azureml:c:1"))
    with pytest.raises(NotFound, match=r"deployment 'main': no scoring script .*/deep/score\.py"):
        find_script(deployment_with(tmp_path / "b", "."))
