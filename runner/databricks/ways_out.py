"""What a person can do about each refusal of Databricks', as the end of its message.

To reword a way out, or to add one for another code, change a table here; nothing else is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

# Who is meant by a GRANT: Databricks tells nobody who it thinks they are.
_WHO = "`you@example.com`"
_ABOVE = ", USE SCHEMA ON SCHEMA {schema} and USE CATALOG ON CATALOG {catalog}"
# What a request needs in Unity Catalog or of the workspace: by its method and path, the first that
# fits. Names in the pattern are names in the text.
_RIGHTS: tuple[tuple[str, re.Pattern[str], str], ...] = tuple(
    (method, re.compile(pattern), text)
    for method, pattern, text in (
        (
            "GET HEAD",
            r"/2\.0/fs/\w+/Volumes/(?P<catalog>[^/]+)/(?P<schema>[^/]+)/(?P<name>[^/]+)",
            "GRANT READ VOLUME ON VOLUME {catalog}.{schema}.{name}",
        ),
        (
            "PUT DELETE",
            r"/2\.0/fs/\w+/Volumes/(?P<catalog>[^/]+)/(?P<schema>[^/]+)/(?P<name>[^/]+)",
            "GRANT READ VOLUME, WRITE VOLUME ON VOLUME {catalog}.{schema}.{name}",
        ),
        (
            "GET HEAD",
            r"/2\.0/fs/\w+/Models/(?P<catalog>[^/]+)/(?P<schema>[^/]+)/(?P<name>[^/]+)",
            "GRANT EXECUTE ON FUNCTION {catalog}.{schema}.{name}",
        ),
        (
            "GET",
            r"/2\.1/unity-catalog/models/(?P<catalog>[^./]+)\.(?P<schema>[^./]+)\.(?P<name>[^./]+)",
            "GRANT EXECUTE ON FUNCTION {catalog}.{schema}.{name}",
        ),
    )
)
_OF_PLACES: tuple[tuple[str, str], ...] = (  # by what the path begins with
    ("/2.0/serving-endpoints", "CAN QUERY on the serving endpoint (Serving > Permissions)"),
    ("/2.2/jobs", "CAN MANAGE RUN on the job (Jobs & Pipelines > Permissions)"),
    ("/2.1/jobs", "CAN MANAGE RUN on the job (Jobs & Pipelines > Permissions)"),
    ("/2.1/clusters", "CAN RESTART on the cluster (Compute > Permissions)"),
    ("/2.0/mlflow/experiments", "CAN EDIT on the experiment's folder (Workspace > Share)"),
    ("/2.0/mlflow/runs", "CAN EDIT on the experiment (Experiments > Permissions)"),
    ("/2.1/unity-catalog", "USE CATALOG on the catalog and USE SCHEMA on the schema"),
)
# By status of HTTP and Databricks' own code, where the path says nothing better.
_OF_CODES: Mapping[tuple[int, str], str] = {
    (403, "QUOTA_EXCEEDED"): "ask an administrator to raise the quota, or use a smaller cluster",
    (429, "RESOURCE_EXHAUSTED"): (
        "a quota of the workspace is used up: remove what is not needed, or ask for a larger one"
    ),
    (429, "QUOTA_EXCEEDED"): (
        "a quota of the workspace is used up: remove what is not needed, or ask for a larger one"
    ),
    (404, "FEATURE_DISABLED"): "an administrator of the workspace has to switch the feature on",
    (400, "METASTORE_DOES_NOT_EXIST"): (
        "Unity Catalog is not switched on: an administrator of the account assigns a metastore to"
        " the workspace"
    ),
}
_OF_STATUSES: Mapping[int, str] = {
    401: "sign in again with `az login`",
    403: (
        "who is signed in has to be a user of the workspace (Settings > Identity and access), or"
        " lacks a right there"
    ),
    409: "something else is changing it: look at it and try again",
    429: "Databricks limits how often it is asked: try again in a minute",
}
_OF_SERVERS = "this is Databricks' own trouble: try again in a while"  # 500 and above


def way_out(method: str, path: str, status: int, code: str, message: str) -> str | None:
    """What to do about a refusal; None where Databricks' own words have to do.

    `path` is that of the request, below `/api`.
    """
    if (status, code) in _OF_CODES:
        return _OF_CODES[status, code]
    if status == 403 and "IP" in message and "block" in message:
        return "the workspace takes requests from some addresses only: ask from inside its network"
    if status == 403:
        return _right(method, unquote(path)) or _OF_STATUSES[403]
    return _OF_STATUSES.get(status) or (_OF_SERVERS if status >= 500 else None)


def grant(right: str, catalog: str, schema: str) -> str:
    """The statements that give a right on something in a schema, for the end of a message."""
    return (
        f"the owner of the schema runs `{right} TO {_WHO}` in a SQL editor"
        f" (with{_ABOVE[1:].format(catalog=catalog, schema=f'{catalog}.{schema}')})"
    )


def _right(method: str, path: str) -> str | None:
    for methods, pattern, text in _RIGHTS:
        found = pattern.match(path) if method in methods.split() else None
        if found:
            return grant(text.format(**found.groupdict()), found["catalog"], found["schema"])
    for beginning, needed in _OF_PLACES:
        if path.startswith(beginning):
            return f"who is signed in needs {needed}"
    return None
