"""Training in a workspace, which is left to the Azure CLI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runner.errors import EnvironmentRefused, NotFound
from runner.nearest import nearest

if TYPE_CHECKING:
    from runner.azureml.outputs import Outputs
    from runner.declarations import Catalog


def refuse(catalog: Catalog, model: str, outputs: Outputs) -> EnvironmentRefused:
    """What to run instead: the model's job declaration is one that the Azure CLI takes.

    Raises NotFound for a model folder without a job.
    """
    if not catalog.jobs.get(model):
        raise NotFound(f"no training job is declared for {model!r}{nearest(model, catalog.jobs)}")
    file = catalog.jobs[model][0].file
    return EnvironmentRefused(
        f"training runs in a workspace by `az ml job create -f {file} -g {outputs.resource_group}"
        f" -w {outputs.workspace}`; `runner train {model} --env local` trains here"
    )
