"""References from one resource of a workspace to another."""

from __future__ import annotations

from tests.emulator.cloud import Cloud
from tests.emulator.ml.refusals import invalid
from tests.emulator.resource_ids import ResourceId, parse
from tests.emulator.state import Resource

WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
_PREFIX = "azureml:"


def workspace_of(address: ResourceId) -> str:
    """Give the id of the workspace that something lies in."""
    return "/".join(address.id.split("/")[:9])


def asset(
    cloud: Cloud, workspace: str, reference: str, segment: str, place: str
) -> Resource | None:
    """Find the version of an asset that is referred to.

    `segment` is `models`, `environments`, `codes` or `data`. A reference is the id of a version, or
    `azureml:<name>:<version>`. What lies in a registry is taken on trust and gives `None`. Raises
    `Refusal` for what does not exist.
    """
    text = reference.removeprefix(_PREFIX)
    if text.startswith("//registries/"):
        return None
    if text.startswith("/"):
        found = cloud.state.get(parse(text).id)
    else:
        name, _, version = text.partition(":")
        if not version:
            raise invalid(f"'{place}' is '{reference}', which names no version.", place)
        found = cloud.state.get(f"{workspace}/{segment}/{name}/versions/{version}")
    if found is None or found.type != f"{WORKSPACE}/{segment}/versions".lower():
        raise invalid(f"'{place}' is '{reference}', which does not exist in the workspace.", place)
    return found


def compute(cloud: Cloud, workspace: str, reference: str, place: str) -> Resource:
    """Find the compute that is referred to by id, by `azureml:<name>` or by name."""
    text = reference.removeprefix(_PREFIX)
    found = cloud.state.get(text if text.startswith("/") else f"{workspace}/computes/{text}")
    if found is None or found.type != f"{WORKSPACE}/computes".lower():
        raise invalid(f"'{place}' is '{reference}', which does not exist in the workspace.", place)
    return found
