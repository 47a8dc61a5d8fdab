"""The ways out of Databricks' refusals, each the end of a message.

To reword a way out, or to add one for another code, change a table here; nothing else is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from runner.stacks.deploying import pulumi_up

if TYPE_CHECKING:
    from runner.databricks.outputs import Outputs

# Databricks' messages about a token that has expired, or is about to. The status was 400 once, then
# 403, now 401:
# https://github.com/databrickslabs/splunk-integration/issues/55
# https://github.com/databricks/databricks-sdk-go/issues/1061
# https://github.com/databricks/databricks-sdk-py/issues/362
TOKEN_REFUSED = re.compile(
    r"invalid access token|(token|JWT) (is|has) expired|token is expiring|ExpiredJwtException",
    re.IGNORECASE,
)
# Of a token that another tenant gave, with the claim that says which was expected.
# https://github.com/databricks/terraform-databricks-sra/pull/134
_OTHER_TENANT = re.compile(r"Expected iss claim to be: \S*?([0-9a-f]{8}-[0-9a-f-]{27})")
# The message about something deployed that somebody deleted; the status is 400.
_GONE = re.compile(r"^(?:Cluster|Job) \S+ does not exist")
_IN_UNITY = "/(?P<catalog>[^/]+)/(?P<schema>[^/]+)/(?P<name>[^/]+)"
_MODEL = r"(?P<catalog>[^./]+)\.(?P<schema>[^./]+)\.(?P<name>[^./]+)"
# The right that a request needs in Unity Catalog, by method and path; the first that fits. The
# catalog and the schema are those of the path, else those of the stack.
_RIGHTS: tuple[tuple[str, str, str], ...] = (
    ("GET HEAD", rf"/2\.0/fs/\w+/Volumes{_IN_UNITY}", "READ VOLUME ON VOLUME {name}"),
    (
        "PUT DELETE",
        rf"/2\.0/fs/\w+/Volumes{_IN_UNITY}",
        "READ VOLUME, WRITE VOLUME ON VOLUME {name}",
    ),
    # To a GRANT a model is a function.
    ("GET HEAD", rf"/2\.0/fs/\w+/Models{_IN_UNITY}", "EXECUTE ON FUNCTION {name}"),
    ("GET", rf"/2\.1/unity-catalog/models/{_MODEL}", "EXECUTE ON FUNCTION {name}"),
    ("PATCH DELETE", rf"/2\.1/unity-catalog/models/{_MODEL}", "MANAGE ON FUNCTION {name}"),
    ("POST", r"/2\.1/unity-catalog/models", "CREATE MODEL ON SCHEMA {schema}"),
    ("POST", r"/2\.0/mlflow/unity-catalog/model-versions", "EXECUTE, MANAGE ON SCHEMA {schema}"),
    ("GET", r"/2\.0/mlflow/unity-catalog|/2\.1/unity-catalog/models", "EXECUTE ON SCHEMA {schema}"),
    ("GET", r"/2\.1/unity-catalog/catalogs", "USE CATALOG ON CATALOG {catalog}"),
    ("GET", r"/2\.1/unity-catalog/schemas", "USE SCHEMA ON SCHEMA {schema}"),
)
# The permission that a request needs in the workspace, by the beginning of its path.
_PERMISSIONS: Mapping[str, str] = {
    "/serving-endpoints": "Can Query on the serving endpoint (Serving > Permissions)",
    "/2.0/serving-endpoints": "Can View on the serving endpoint (Serving > Permissions)",
    "/2.2/jobs": "Can Manage Run on the job (Jobs & Pipelines > Permissions)",
    "/2.1/clusters": "Can Restart on the cluster (Compute > Permissions)",
    "/2.0/mlflow": "Can Edit on the experiment (Experiments > Permissions)",
}
_QUOTA = "a quota is used up: remove what is not needed, or ask an administrator to raise it"
# By Databricks' own code, where the path says nothing better. {up} is what deploys the stack.
_OF_CODES: Mapping[str, str] = {
    "FEATURE_DISABLED": "an administrator of the workspace has to switch that on",
    "METASTORE_DOES_NOT_EXIST": (
        "Unity Catalog is off: an administrator of the account assigns a metastore to the workspace"
    ),
    "CATALOG_DOES_NOT_EXIST": "run {up}, or correct scoring:catalog in the stack file",
    "SCHEMA_DOES_NOT_EXIST": "run {up}, or correct scoring:schema in the stack file",
    "QUOTA_EXCEEDED": _QUOTA,
    "RESOURCE_LIMIT_EXCEEDED": _QUOTA,
}
_OF_STATUSES: Mapping[int, str] = {
    401: "sign in again with `az login`",
    403: (
        "who is signed in has to be a user of the workspace (Settings > Identity and access), or"
        " lacks a right in it"
    ),
    409: "something else is changing it: look at it and try again",
    429: "Databricks limits how often it is asked: try again in a minute",
}
_OF_SERVERS = "this is Databricks' own trouble: try again in a while"  # 500 and above


def way_out(
    outputs: Outputs, method: str, path: str, status: int, code: str, message: str
) -> str | None:
    """Return what to do about a refusal; None where Databricks' own words have to do.

    `path` is that of the request, below `/api`.
    """
    if TOKEN_REFUSED.search(message):
        return _OF_STATUSES[401]
    if found := _OTHER_TENANT.search(message):
        return f"sign in to the workspace's own tenant with `az login --tenant {found[1]}`"
    if _GONE.match(message):
        return f"run {pulumi_up(outputs.stack)}, which deploys it again"
    if code in _OF_CODES:
        return _OF_CODES[code].format(up=pulumi_up(outputs.stack))
    if status == 403 and "IP access list" in message:
        return "the workspace takes requests from some addresses only: ask from inside its network"
    if status == 403:
        return _right(outputs, method, unquote(path)) or _OF_STATUSES[403]
    return _OF_STATUSES.get(status) or (_OF_SERVERS if status >= 500 else None)


def _right(outputs: Outputs, method: str, path: str) -> str | None:
    for methods, pattern, right in _RIGHTS:
        found = re.match(pattern, path) if method in methods.split() else None
        if found:
            parts = {"catalog": outputs.catalog, "schema": outputs.schema, **found.groupdict()}
            schema = f"{parts['catalog']}.{parts['schema']}"
            name = f"{schema}.{parts.get('name')}"
            grant = right.format(catalog=parts["catalog"], schema=schema, name=name)
            return (
                f"who owns it runs `GRANT {grant} TO NAME` (and USE CATALOG and USE SCHEMA where"
                " they lack)"
            )
    for beginning, permission in _PERMISSIONS.items():
        if path.startswith(beginning):
            return f"who is signed in needs the permission {permission}"
    return None
