"""How the workers of pytest-xdist share the tests: whole modules, and the longest first.

What a module makes once (a deployed stack, a cloud, a JVM) is made by one worker instead of by
each of them, and no worker is left alone with a long test at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

# Folders whose modules share a JVM, which one worker starts for all of them.
TOGETHER = ("tests/engine/spark/",)
# About how many seconds a module or folder takes. What isn't here takes less than ten.
SECONDS = {
    "tests/walks/test_lab.py": 140,
    "tests/walks/test_walkthroughs.py": 120,
    "tests/engine/spark/": 100,
    "tests/azureml/test_faults.py": 100,
    "tests/infra/engine/test_dev.py": 120,
    "tests/test_docs.py": 60,
    "tests/infra/engine/test_adoption.py": 50,
    "tests/local/serving/test_azures_server.py": 50,
    "tests/test_score.py": 50,
    "tests/infra/engine/test_lake.py": 40,
    "tests/models/test_ways.py": 36,
    "tests/infra/engine/test_production.py": 50,
    "tests/infra/engine/test_roles.py": 40,
    "tests/local/test_declared_models.py": 40,
    "tests/local/serving/test_deployment.py": 35,
    "tests/walks/test_demo.py": 35,
    "tests/engine/test_profiles.py": 30,
    "tests/local/test_soak.py": 30,
    "tests/comparison/test_models_compare.py": 30,
    "tests/local/test_files.py": 30,
    "tests/cli/test_commands.py": 30,
    "tests/databricks/test_training.py": 25,
    "tests/databricks/test_scoring.py": 25,
    "tests/databricks/test_faults.py": 24,
    "tests/local/tracking/test_tracked_job.py": 22,
    "tests/engine/test_declared_packages.py": 20,
    "tests/azureml/test_identity_faults.py": 20,
    "tests/models/test_penguins.py": 20,
    "tests/emulator/batch/test_scoring.py": 20,
    "tests/local/tracking/test_lifecycle.py": 18,
    "tests/walks/test_training.py": 17,
    "tests/engine/test_mlflow_model.py": 16,
    "tests/local/test_addresses.py": 14,
    "tests/local/test_spark_job.py": 14,
    "tests/test_recipes.py": 13,
    "tests/azureml/test_runs.py": 12,
    "tests/azureml/test_score.py": 12,
    "tests/azureml/test_sdk_logs.py": 12,
    "tests/models/test_diabetes.py": 12,
    "tests/databricks/test_asset_faults.py": 11,
    "tests/infra/databricks/test_program.py": 10,
}


def unit_of(test: str) -> str:
    """Return the folder or module that a test is given to a worker with, by the test's id."""
    module = test.partition("::")[0]
    return next((folder for folder in TOGETHER if module.startswith(folder)), module)


def longest_first(tests: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests of what takes long, the longest first, and then the others as they come."""
    return sorted(tests, key=lambda test: -SECONDS.get(unit_of(test.nodeid), 0))


class WholeModules(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a worker a whole module or folder at a time, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)
