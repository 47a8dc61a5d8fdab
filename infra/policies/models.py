"""Production runs the versions somebody chose, and no others."""

import re
from collections.abc import Iterator
from typing import Any, Final

from infra.policies.rule import PRODUCTION, Resource, Rule, in_production

_KINDS = (
    "machinelearningservices:BatchDeployment",
    "machinelearningservices:OnlineDeployment",
)
# The assets of a deployment: their paths in a resource, and their keys in a stack file.
_ASSETS = {
    "properties.model": "model",
    "properties.model.assetId": "model",
    "properties.codeConfiguration.codeId": "code_configuration.code",
    "properties.environmentId": "environment",
    "properties.deploymentConfiguration.componentId.assetId": "component",
}
# A reference by ARM id, in a registry, or short; a name without a version means its latest.
_EXACT = re.compile(r".*/versions/(?P<long>[^/@]+)/?|azureml:[^:/@]+:(?P<short>[^:/@]+)")


def _exact_versions(resource: Resource) -> Iterator[str]:
    if resource.kind not in _KINDS or not in_production(resource):
        return
    for path, key in _ASSETS.items():
        asset = resource.read(path)
        if isinstance(asset, str) and not _is_exact(asset):
            yield (
                f"{resource.name} has {asset}, which changes meaning; name a version, as in"
                f" {key}: azureml:<name>:<version>, in {resource.stack_file}"
            )


def _is_exact(asset: Any) -> bool:
    found = _EXACT.fullmatch(asset)
    return found is not None and (found["long"] or found["short"]).lower() != "latest"


EXACT_VERSIONS: Final = Rule(
    "production-pins-exact-versions",
    "In production a deployment names exact versions of its model, code, environment, component.",
    _exact_versions,
    (PRODUCTION,),
)
