"""Finds the resources of a running workspace that a stack would create, to take them over.

Pulumi takes over the resources on a list of types, names and ids (`pulumi import --file`). A
preview has the types and names, and the workspace tells which of the ids are there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.azureml.connection import Connection
from runner.azureml.outputs import Outputs
from runner.clouds import PUBLIC, choose_cloud, environment_setting
from runner.declarations.document import MappingNode, ScalarNode
from runner.declarations.overlay import read_config
from runner.errors import WrongUsage
from runner.project import stack_file
from runner.stacks.adoption import Adopted, Adoption, import_list
from runner.stacks.pulumi_cli import Creation, preview_stack

if TYPE_CHECKING:
    from runner.project import Project

EXISTING = "scoring:existing"
_MODULE = "azure-native:machinelearningservices:"
# The paths below a workspace, by the end of a resource's type, with its inputs in braces.
_PATHS: Mapping[str, str] = {
    "BatchDeployment": "batchEndpoints/{endpointName}/deployments/{deploymentName}",
    "BatchEndpoint": "batchEndpoints/{endpointName}",
    "Compute": "computes/{computeName}",
    "EnvironmentVersion": "environments/{name}/versions/{version}",
    "ManagedNetworkSettingsRule": "outboundRules/{ruleName}",
    "OnlineDeployment": "onlineEndpoints/{endpointName}/deployments/{deploymentName}",
    "OnlineEndpoint": "onlineEndpoints/{endpointName}",
    "Schedule": "schedules/{name}",
}
_WORKSPACE = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers"
    r"/Microsoft\.MachineLearningServices/workspaces/([^/]+)",
    re.IGNORECASE,
)


def find_adoption(project: Project, environment: str) -> Adoption:
    """Find the resources that an environment's stack would create and its workspace has.

    Raises WrongUsage for a stack file that names no workspace, EnvironmentRefused.
    """
    workspace = _workspace(project, environment)
    preview = preview_stack(project.root, environment)
    adopted: list[Adopted] = []
    warnings: list[str] = []
    for creation in preview.creations:
        path = _path(creation)
        found = workspace.arm.find(*path) if path else None
        if found is not None:
            own_id = "/".join([workspace.outputs.resource_id, *path])
            adopted.append(Adopted(creation.type, creation.name, own_id))
            warnings += _of_others(creation, found)
    warnings += _left_out(preview.creations, workspace)
    return Adoption(tuple(adopted), import_list(adopted, preview.imports), tuple(warnings))


def _workspace(project: Project, environment: str) -> Connection:
    file = stack_file(project, environment)
    if file is None:
        raise WrongUsage(f"Pulumi.{environment}.yaml: No such file; a stack has one")
    config = read_config(file)
    existing = config.entries.get(EXISTING)
    given = _text(existing, "workspace") if isinstance(existing, MappingNode) else ""
    match = _WORKSPACE.fullmatch(given)
    if match is None:
        raise WrongUsage(
            f"{file.name}: {EXISTING} names no workspace that is running; write its id as"
            f" `{EXISTING}: {{workspace: /subscriptions/…/workspaces/NAME}}`"
        )

    def setting(key: str, *variables: str) -> str | None:
        return _text(config, f"azure-native:{key}") or environment_setting(key, *variables)

    cloud = choose_cloud(setting)[0] or PUBLIC
    subscription, group, name = match.groups()
    outputs = Outputs(subscription, group, name, source=file.name, stack=environment, cloud=cloud)
    return Connection(outputs)


def _text(node: MappingNode, key: str) -> str:
    value = node.entries.get(key)
    return value.text if isinstance(value, ScalarNode) else ""


def _path(creation: Creation) -> list[str]:
    """Return the path of a resource below its workspace; empty for one that is elsewhere."""
    template = _PATHS.get(creation.type.removeprefix(_MODULE))
    if template is None:
        return []
    return [part.format_map(creation.inputs) for part in template.split("/")]


def _of_others(creation: Creation, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning that an online endpoint keeps its identity, with roles of no stack."""
    if creation.type.endswith("OnlineEndpoint"):
        identity = (found.get("identity") or {}).get("type", "None")
        yield (
            f"onlineEndpoints/{found['name']} keeps its identity ({identity}), as Azure changes"
            " none, and the roles that this has; the stack gives it no other"
        )


def _left_out(creations: Sequence[Creation], workspace: Connection) -> Iterator[str]:
    """Yield a warning for each endpoint of the workspace that is not declared."""
    for kind, end in (("batchEndpoints", "BatchEndpoint"), ("onlineEndpoints", "OnlineEndpoint")):
        names = {
            creation.inputs.get("endpointName")
            for creation in creations
            if creation.type == f"{_MODULE}{end}"
        }
        for found in workspace.arm.pages(kind):
            if found["name"] not in names:
                yield (
                    f"{kind}/{found['name']} is left as it is; to take it over, declare it and name"
                    f" it in {EXISTING}.endpoints"
                )
