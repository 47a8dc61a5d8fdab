"""Resource Manager: resources of any type by PUT, GET, HEAD, PATCH, DELETE, list and POST."""

from __future__ import annotations

import copy
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from tests.emulator import addresses, request_models
from tests.emulator.cloud import Cloud
from tests.emulator.faults import retry_headers
from tests.emulator.kinds import Change, Kind
from tests.emulator.messages import Refusal, Response, answer
from tests.emulator.operations import FINAL_STATES, IN_PROGRESS, SUCCEEDED
from tests.emulator.resource_ids import GROUP_TYPE, SUBSCRIPTION_TYPE, ResourceId, parse
from tests.emulator.routes import Call, Route, route
from tests.emulator.state import Operation, Resource

MACHINE_LEARNING = "microsoft.machinelearningservices"
_ENVELOPE = ("id", "name", "type", "systemData", "etag")
_API_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-[a-z]+)?")
_IN_TAG_NAMES = frozenset("<>%&\\?/")  # that Azure keeps for itself
_MOST_TAGS = 50
_LOCK = "Microsoft.Authorization/locks"
_PATCHABLE = ("tags", "identity", "sku", "properties")


class ResourceManager:
    """The types it knows, and the handlers of its paths."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds

    def routes(self) -> tuple[Route, ...]:
        """Give the routes. Every path that looks like a resource's is one."""
        host, audiences = addresses.MANAGEMENT_HOST, addresses.MANAGEMENT_AUDIENCES
        operation = "/subscriptions/{subscription}/providers/{namespace}/locations/{location}"
        return (
            route("GET", host, operation + "/{kind}Status/{operation}", self.status, audiences),
            route("GET", host, operation + "/{kind}Results/{operation}", self.result, audiences),
            route("*", host, "/subscriptions", self.resource, audiences),
            route("*", host, "/subscriptions/{rest*}", self.resource, audiences),
        )

    def resource(self, cloud: Cloud, call: Call) -> Response:
        """Answer a request for a resource, a collection or an action."""
        method = call.request.method
        if "api-version" not in call.request.query:
            raise Refusal(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        version = call.request.query["api-version"]
        if not _API_VERSION.fullmatch(version):
            raise Refusal(
                400,
                "InvalidApiVersionParameter",
                f"The api-version '{version}' is invalid. The supported versions are"
                " '2024-11-01,2024-03-01,2022-12-01'.",
            )
        path = call.request.path.rstrip("/")
        _require_tenant(cloud, call, path)
        if method == "POST":
            return self._act(cloud, call)
        address = parse(path)
        _require_subscription(cloud, address)
        if not address.name:
            if method != "GET":
                raise _method_not_allowed(call, address)
            return self._list(cloud, call, address)
        handlers = {
            "GET": self._get,
            "HEAD": self._get,
            "PUT": self._put,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        if method not in handlers:
            raise _method_not_allowed(call, address)
        return handlers[method](cloud, call, address)

    def status(self, cloud: Cloud, call: Call) -> Response:
        """Answer a poll of an operation's status (Azure-AsyncOperation)."""
        operation = _operation(cloud, call)
        body: dict[str, Any] = {
            "id": call.request.path,
            "name": operation.id,
            "status": operation.status,
        }
        if operation.error and operation.status != IN_PROGRESS:
            body["error"] = operation.error
        headers = (
            retry_headers(cloud.operations.interval) if operation.status == IN_PROGRESS else {}
        )
        return answer(200, body, headers)

    def result(self, cloud: Cloud, call: Call) -> Response:
        """Answer a poll of an operation's result (Location)."""
        operation = _operation(cloud, call)
        if operation.status == IN_PROGRESS:
            again = {"Location": f"{call.request.url}?{urlencode(dict(call.request.query))}"}
            return answer(202, None, {**again, **retry_headers(cloud.operations.interval)})
        if operation.error:
            return answer(409, {"error": operation.error})
        target = cloud.state.get(operation.target)
        if target is None:
            return answer(204)
        return answer(200, self._view(cloud, target))

    def _get(self, cloud: Cloud, call: Call, address: ResourceId) -> Response:
        found = cloud.operations.poll_resource(self._require(cloud, address))
        if found is None:
            return _not_found(address).response()  # raised, it would undo the deletion
        if call.request.method == "HEAD":
            return answer(204)
        return answer(200, self._view(cloud, found))

    def _put(self, cloud: Cloud, call: Call, address: ResourceId) -> Response:
        kind = self._kind(address)
        sent = _object(call)
        self._require_parents(cloud, address, kind)
        old = cloud.state.get(address.id)
        _require_match(call, old)
        if not kind.writable:
            raise _method_not_allowed(call, address)
        _require_settled(kind, old)
        _require_unlocked(cloud, address, "write")
        if kind.model:
            sent = request_models.checked(kind.model, sent, kind.also)
        return self._write(cloud, call, address, kind, old, sent)

    def _patch(self, cloud: Cloud, call: Call, address: ResourceId) -> Response:
        kind = self._kind(address)
        sent = _object(call)
        old = self._require(cloud, address)
        _require_match(call, old)
        _require_settled(kind, old)
        unknown = [name for name in sent if name not in (*_PATCHABLE, *_ENVELOPE)]
        if unknown:
            raise Refusal(400, "InvalidPatch", f"'{unknown[0]}' cannot be changed by PATCH.")
        if kind.patch_model:
            sent = request_models.checked(kind.patch_model, sent, kind.also)
        # Tags are replaced as a whole; properties are merged, as RFC 7396 says.
        whole = {**copy.deepcopy(old.body), **sent}
        if "properties" in sent:
            whole["properties"] = _merged(old.properties, sent["properties"])
        return self._write(cloud, call, address, kind, old, whole)

    def _write(
        self,
        cloud: Cloud,
        call: Call,
        address: ResourceId,
        kind: Kind,
        old: Resource | None,
        sent: Mapping[str, Any],
    ) -> Response:
        body = _envelope(call, address, kind, old, sent)
        change = Change(cloud, call, address, old, body, dict(old.secrets) if old else {})
        kind.prepare(change)
        headers: dict[str, str] = {}
        if kind.long_running:
            change.properties["provisioningState"] = "Updating" if old else "Creating"
        elif kind.provisioned:
            change.properties["provisioningState"] = SUCCEEDED
        written = cloud.state.put(address.parent, address.type, body, change.secrets)
        for created in change.created:
            created()
        if kind.long_running:
            operation = cloud.operations.begin(address.id, "put")
            if operation.status == IN_PROGRESS:
                headers = operation_headers(cloud, call, written, operation)
            written = cloud.state.get(address.id) or written
        return answer(200 if old else 201, self._view(cloud, written), headers)

    def _delete(self, cloud: Cloud, call: Call, address: ResourceId) -> Response:
        kind = self._kind(address)
        if address.type != GROUP_TYPE:
            _require_group(cloud, address)
        found = cloud.state.get(address.id)
        if found is None:
            if address.type == GROUP_TYPE:
                raise _not_found(address)
            return answer(204)
        _require_match(call, found)
        if not kind.writable:
            raise _method_not_allowed(call, address)
        _require_unlocked(cloud, address, "delete")
        kind.before_delete(cloud, call, found)
        if not kind.long_running:
            cloud.state.delete(found.key)
            return answer(200)
        running = cloud.state.unfinished_operation(found.key)
        operation = (
            running
            if running and running.kind == "delete"
            else cloud.operations.begin(address.id, "delete")
        )
        if operation.status != IN_PROGRESS:
            return answer(200)
        cloud.state.update(found, {"provisioningState": "Deleting"})
        return answer(202, None, operation_headers(cloud, call, found, operation))

    def _list(self, cloud: Cloud, call: Call, address: ResourceId) -> Response:
        if address.type == SUBSCRIPTION_TYPE:
            here = call.principal.tenant == cloud.application.tenant
            return answer(200, {"value": [_subscription(cloud)] if here else []})
        in_group = address.parent.count("/") > 2
        kind = self._kind(address)
        if in_group and cloud.state.get(address.parent) is None and not kind.lists_nothing:
            raise _not_found(parse(address.parent))
        if address.type.lower().endswith("/resources") and "/providers/" not in address.id.lower():
            found = _tracked(cloud, address.parent)
        elif in_group or address.type == GROUP_TYPE:
            found = cloud.state.children(address.parent, address.type)
        else:
            found = cloud.state.of_type(address.type, below=address.parent)
        found = kind.listing(cloud, call, found)
        body: dict[str, Any] = {}
        if kind.paged:
            first = int(call.request.query.get("$skip") or 0)
            size = int(call.request.query.get("$top") or cloud.page_size)
            if first + size < len(found) and "$top" not in call.request.query:
                query = {**call.request.query, "$skip": str(first + size)}
                body["nextLink"] = f"{call.request.url}?{urlencode(query)}"
            found = found[first : first + size]
        return answer(200, {"value": [self._view(cloud, resource) for resource in found], **body})

    def _act(self, cloud: Cloud, call: Call) -> Response:
        """Answer a POST, whose last segment is the action."""
        target_path, _, name = call.request.path.rstrip("/").rpartition("/")
        target = parse(target_path)
        _require_subscription(cloud, target)
        kind = self._kind(target)
        free = kind.free_actions.get(name.lower())
        if free is not None and target.name:
            return free(cloud, call, target)
        action = kind.actions.get(name.lower())
        if action is None or not target.name:
            raise Refusal(404, "InvalidResourceType", f"'{target.type}' has no action '{name}'.")
        return action(cloud, call, self._require(cloud, target))

    def _kind(self, address: ResourceId) -> Kind:
        return self._kinds.get(address.type.lower()) or Kind(address.type)

    def _view(self, cloud: Cloud, resource: Resource) -> dict[str, Any]:
        kind = self._kinds.get(resource.type)
        return kind.view(cloud, resource) if kind else resource.body

    def _require(self, cloud: Cloud, address: ResourceId) -> Resource:
        if address.type == SUBSCRIPTION_TYPE:
            body = _subscription(cloud)
            return Resource(0, address.id.lower(), SUBSCRIPTION_TYPE.lower(), body, {})
        if address.type != GROUP_TYPE:
            _require_group(cloud, address)
        found = cloud.state.get(address.id)
        if found is None:
            raise _not_found(address)
        return found

    def _require_parents(self, cloud: Cloud, address: ResourceId, kind: Kind) -> None:
        if address.type in (GROUP_TYPE, SUBSCRIPTION_TYPE):
            return
        _require_group(cloud, address)
        parent = parse(address.parent)
        if not kind.needs_parent:
            parent = parse(parent.parent)
        if parent.type in (GROUP_TYPE, SUBSCRIPTION_TYPE):
            return
        found = cloud.state.get(parent.id)
        if found is None or found.properties.get("provisioningState") == "Deleting":
            raise Refusal(
                404,
                "ParentResourceNotFound",
                "Failed to perform 'write' on resource(s) of type"
                f" '{address.type.partition('/')[2]}', because the parent resource"
                f" '{parent.id}' could not be found.",
            )


def system_data(call: Call, old: Resource | None = None) -> dict[str, str]:
    """Say who made and changed a resource, and when."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    who = {"By": call.principal.client, "ByType": "Application", "At": now}
    changed = {f"lastModified{name}": value for name, value in who.items()}
    created = {f"created{name}": value for name, value in who.items()}
    if old:
        before = old.body.get("systemData", {})
        created = {name: before.get(name, value) for name, value in created.items()}
    return {**created, **changed}


def _envelope(
    call: Call, address: ResourceId, kind: Kind, old: Resource | None, sent: Mapping[str, Any]
) -> dict[str, Any]:
    body = {name: copy.deepcopy(value) for name, value in sent.items() if name not in _ENVELOPE}
    body["properties"] = dict(body.get("properties") or {})
    known = old.body if old else {"id": address.id, "name": address.name, "type": kind.type}
    body = {name: known[name] for name in ("id", "name", "type")} | body
    body["systemData"] = system_data(call, old)
    if kind.etag:
        body["etag"] = f'"{uuid.uuid4()}"'
    _require_tags(body)
    if isinstance(body.get("location"), str):
        body["location"] = addresses.normalised_location(body["location"])
        if old and old.body.get("location") not in (None, body["location"]):
            if address.type == GROUP_TYPE:
                raise Refusal(
                    409,
                    "InvalidResourceGroupLocation",
                    f"Invalid resource group location '{body['location']}'. The Resource group"
                    f" already exists in location '{old.body['location']}'.",
                )
            raise Refusal(
                409,
                "InvalidResourceLocation",
                f"The resource '{address.name}' already exists in location"
                f" '{old.body['location']}'. A resource with the same name cannot be created in"
                f" location '{body['location']}'. Please select a new resource name.",
            )
    _require_identity(kind, body)
    _give_identity(call, body, old)
    return body


def _require_tags(body: Mapping[str, Any]) -> None:
    tags = body.get("tags") or {}
    wrong = [name for name in tags if _IN_TAG_NAMES & {*name}]
    if wrong:
        raise Refusal(
            400,
            "InvalidTagNameCharacters",
            f"The tag names '{', '.join(wrong)}' have reserved characters '<,>,%,&,\\,?,/' or"
            " control characters.",
        )
    if len(tags) > _MOST_TAGS:
        raise Refusal(
            400, "BadRequest", f"A resource can have {_MOST_TAGS} tags at most, not {len(tags)}."
        )


def _require_unlocked(cloud: Cloud, address: ResourceId, doing: str) -> None:
    """Refuse what a lock forbids, at the resource, above it, or below one that is deleted."""
    target = address.id.lower()
    for lock in cloud.state.of_type(_LOCK):
        scope = str(lock.body["id"]).rpartition("/providers/Microsoft.Authorization/")[0]
        above = target == scope.lower() or target.startswith(f"{scope.lower()}/")
        below = scope.lower().startswith(f"{target}/")
        deletes = doing == "delete"
        held = above and (deletes or lock.properties.get("level") == "ReadOnly")
        if lock.key == target or not (held or (below and deletes)):
            continue
        raise Refusal(
            409,
            "ScopeLocked",
            f"The scope '{address.id}' cannot perform {doing} operation because following scope(s)"
            f" are locked: '{scope}'. Please remove the lock and try again.",
        )


def _require_identity(kind: Kind, body: Mapping[str, Any]) -> None:
    asked = str((body.get("identity") or {}).get("type") or "None")
    kinds = [name.strip() for name in asked.split(",")]
    if not {*kinds} <= {*kind.identities, "None"}:
        raise Refusal(
            400,
            "CannotSetResourceIdentity",
            f"Resource type '{kind.type}' does not support creation of '{', '.join(kinds)}'"
            f" resource identity. The supported types are '{', '.join(kind.identities)}'.",
        )


def _give_identity(call: Call, body: dict[str, Any], old: Resource | None) -> None:
    """Make up what Entra would: the principal of an own identity."""
    identity = body.get("identity")
    if not isinstance(identity, dict):
        return
    before = (old.body.get("identity") or {}) if old else {}
    kinds = str(identity.get("type", "")).lower()
    if "systemassigned" in kinds:
        identity["principalId"] = before.get("principalId") or str(uuid.uuid4())
        identity["tenantId"] = before.get("tenantId") or str(uuid.uuid4())
    assigned = identity.get("userAssignedIdentities")
    if isinstance(assigned, dict):
        for name in assigned:
            assigned[name] = dict(assigned[name] or {})


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    merged = dict(old)
    for name, value in new.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(old.get(name), value)
    return merged


def _object(call: Call) -> dict[str, Any]:
    sent = call.request.json()
    if not isinstance(sent, dict):
        raise Refusal(400, "InvalidRequestContent", "The request content must be a JSON object.")
    if not isinstance(sent.get("properties") or {}, dict):
        raise Refusal(400, "InvalidRequestContent", "'properties' must be a JSON object.")
    return sent


def _require_subscription(cloud: Cloud, address: ResourceId) -> None:
    listed = address.type == SUBSCRIPTION_TYPE and not address.name
    if not listed and address.subscription.lower() != cloud.subscription:
        raise Refusal(
            404,
            "SubscriptionNotFound",
            f"The subscription '{address.subscription}' could not be found.",
        )


def _require_group(cloud: Cloud, address: ResourceId) -> None:
    if address.group and cloud.state.get(address.group) is None:
        raise _not_found(parse(address.group))


def _require_match(call: Call, old: Resource | None) -> None:
    wanted = call.request.headers.get("if-match")
    if wanted and (old is None or wanted not in ("*", old.body.get("etag"))):
        raise Refusal(412, "PreconditionFailed", "The resource has changed: its etag is another.")
    if call.request.headers.get("if-none-match") == "*" and old is not None:
        raise Refusal(412, "PreconditionFailed", "The resource exists already.")


def _require_settled(kind: Kind, old: Resource | None) -> None:
    if kind.long_running and old is not None:
        state = old.properties.get("provisioningState")
        if state not in FINAL_STATES:
            raise Refusal(
                409,
                "Conflict",
                f"'{old.body['name']}' is in provisioning state '{state}'; wait until the"
                " operation has ended.",
            )


def _not_found(address: ResourceId) -> Refusal:
    if address.type == GROUP_TYPE:
        return Refusal(
            404, "ResourceGroupNotFound", f"Resource group '{address.name}' could not be found."
        )
    return Refusal(
        404,
        "ResourceNotFound",
        f"The Resource '{address.path_in_provider}' under resource group '{address.group_name}'"
        " was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def _method_not_allowed(call: Call, address: ResourceId) -> Refusal:
    return Refusal(
        405,
        "MethodNotAllowed",
        f"The resource type '{address.type}' does not allow {call.request.method} here.",
    )


def _require_tenant(cloud: Cloud, call: Call, path: str) -> None:
    """Refuse a token of a tenant that the subscription does not belong to."""
    given, wanted = call.principal.tenant, cloud.application.tenant
    if given == wanted or path.count("/") < 2:
        return
    raise cloud.tokens.unauthenticated(
        "InvalidAuthenticationTokenTenant",
        f"The access token is from the wrong issuer 'https://sts.windows.net/{given}/'. It must"
        f" match the tenant 'https://sts.windows.net/{wanted}/' associated with this subscription."
        f" Please use the authority (URL) 'https://login.windows.net/{wanted}' to get the token."
        " Note, if the subscription is transferred to another tenant there is no impact to the"
        " services, but information about new tenant could take time to propagate (up to an hour)."
        " If you just transferred your subscription and see this error message, please try back"
        " later.",
    )


def _operation(cloud: Cloud, call: Call) -> Operation:
    operation = cloud.operations.poll(call.arguments["operation"])
    if operation is None:
        raise Refusal(404, "OperationNotFound", "The operation could not be found.")
    return operation


def operation_headers(
    cloud: Cloud, call: Call, resource: Resource, operation: Operation
) -> dict[str, str]:
    """Say where an operation on a resource is polled: its status, and its result."""
    namespace = resource.body["type"].partition("/")[0]
    kind = "mfeOperations" if namespace.lower() == MACHINE_LEARNING else "operation"
    location = resource.body.get("location") or "global"
    base = (
        f"{addresses.MANAGEMENT}/subscriptions/{cloud.subscription}/providers/{namespace}"
        f"/locations/{location}/{kind}"
    )
    version = urlencode({"api-version": call.request.query["api-version"]})
    return {
        "Azure-AsyncOperation": f"{base}Status/{operation.id}?{version}",
        "Location": f"{base}Results/{operation.id}?{version}",
        **retry_headers(cloud.operations.interval),
    }


def _subscription(cloud: Cloud) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{cloud.subscription}",
        "subscriptionId": cloud.subscription,
        "tenantId": cloud.application.tenant,
        "displayName": "Stand-in",
        "state": "Enabled",
        "properties": {},
    }


def _tracked(cloud: Cloud, scope: str) -> list[Resource]:
    """Return all resources of a group or subscription, without groups and nested ones."""
    return [
        resource
        for resource in cloud.state.below(scope)
        if resource.type.count("/") == 1 and resource.type != GROUP_TYPE.lower()
    ]
