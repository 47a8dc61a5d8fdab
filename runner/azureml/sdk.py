"""Lets azure-ai-ml read declarations of every kind, and write the requests that create them.

Its import takes more than a second, so only the commands that create something import it. It asks
Azure for what it needs to know and writes the request, which the runner then sends. It never sends
a file, as its retries of a refused upload never end (azure-sdk-for-python#48269), and never prints.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from azure.core.pipeline.policies import SansIOHTTPPolicy

from runner.azure.client import RETRIES, Retry, timeout
from runner.azure.errors import ServiceError, scrub, translated_errors
from runner.azure.sdk_logs import tame_sdk
from runner.declarations.document import MappingNode, Node
from runner.declarations.problem import DeclarationError, Place, Problem
from runner.errors import EnvironmentRefused, RunnerError, WrongUsage
from runner.installing import installed_by

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.core.rest import HttpRequest, HttpResponse

    from runner.azureml.connection import Connection
    from runner.clouds import Cloud

Answer = TypeVar("Answer")

_DISCOVERY = "REGISTRY_DISCOVERY_ENDPOINT_URL"  # azure-ai-ml's variable for a private cloud
_REGION = "REGISTRY_DISCOVERY_ENDPOINT_REGION"
_USUAL_REGION = "west"
_CURRENT = "AZUREML_CURRENT_CLOUD"
_KNOWN = "AzureCloud"  # a cloud that azure-ai-ml knows without asking
_REFERENCES = "In order to specify an existing"  # begins its message for a value of no known form
_NO_KEYS = ("_schema", "value", "null")  # names in marshmallow's messages that are no keys
_LONGEST = 400  # characters of its messages kept in ours
# The requests that precede an upload, by the last parts of an address's path.
_UPLOADS = ("listsecrets", "startpendingupload", "createorgetstartpendingupload", "datastores")


def ml_client(connection: Connection, registry: str | None = None) -> MLClient:
    """Return azure-ai-ml's client of a workspace or of a registry, of which there is one each.

    Call this function and the client inside `translated_sdk_errors`.
    """
    clients = connection.once(_clients)
    if registry not in clients:
        clients[registry] = _open(connection, registry)
    return clients[registry]


def create(
    connection: Connection,
    path: tuple[str, ...],
    call: Callable[[MLClient], object],
    what: str | None = None,
) -> HttpResponse:
    """Create a resource at a path below the workspace by azure-ai-ml's `create_or_update`.

    `call` calls that. azure-ai-ml writes the request, and itself creates what the resource refers
    to and declares in full. The runner sends the request as it does its own: it signs in anew
    where a token was withdrawn, and retries where no answer came. Raises as `write` and
    `Client.send`.
    """
    return send_written(connection, write(connection, path, call, what), what=what)


def write(
    connection: Connection,
    path: tuple[str, ...],
    call: Callable[[MLClient], object],
    what: str | None = None,
    source: MappingNode | None = None,
) -> HttpRequest:
    """Return the request by which azure-ai-ml's `create_or_update` would create a resource.

    `call` calls that, `source` is the declaration. Raises as `translated_sdk_errors`.
    """

    def written() -> HttpRequest:
        with translated_sdk_errors(what or f"create {'/'.join(path)}", source):
            client, guard = ml_client(connection), connection.once(_guard)
            guard.caught = connection.arm.url(*path)
            try:
                call(client)
            except _Written as written:
                request: HttpRequest = written.request
                return request
            finally:
                guard.caught = None
            raise EnvironmentRefused(f"azure-ai-ml wrote no request for {'/'.join(path)}")

    return signed_in(connection, written)


def signed_in(connection: Connection, ask: Callable[[], Answer]) -> Answer:
    """Return what `ask` returns; where its token was withdrawn, sign in anew and call it again."""
    try:
        return ask()
    except ServiceError as error:
        if error.status != 401:
            raise
    connection.credential.forget()
    connection.once(_clients).clear()  # each of which keeps the token that it was given
    return ask()


def send_written(
    connection: Connection,
    request: HttpRequest,
    accept: tuple[int, ...] = (),
    retry: Retry = "always",
    what: str | None = None,
) -> HttpResponse:
    """Send a request of `write`'s, as `Client.send` does."""
    kept = {name: text for name, text in request.headers.items() if name.lower() in _SENT_HEADERS}
    return connection.arm.send(
        "PUT",
        request.url,
        content=request.content,
        headers=kept,
        accept=accept,
        retry=retry,
        versioned=False,
        what=what,
    )


@contextmanager
def translated_sdk_errors(what: str, source: MappingNode | None = None) -> Iterator[None]:
    """Turn what azure-ai-ml raises inside into errors of one line, and silence its warnings.

    `what` is being done, with a declaration's `source`. Raises WrongUsage for a mistake in the
    declaration, with the line of each key where there is a source, and EnvironmentRefused.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_sdk()
        from azure.ai.ml.exceptions import ErrorCategory, MlException
        from marshmallow.exceptions import ValidationError

        try:
            with translated_errors(what):
                try:
                    yield
                except MlException as error:
                    _raise_own(error)
                    if error.error_category == ErrorCategory.USER_ERROR or schema_problems(error):
                        raise _mistake(error, what, source) from None
                    raise EnvironmentRefused(f"can't {what}: {said_by(error)}") from None
                except ValidationError as error:
                    raise _mistake(error, what, source) from None
        except RunnerError:
            raise
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            OSError,
            TypeError,
            ValueError,
        ) as error:
            _raise_own(error)
            raise EnvironmentRefused(
                f"can't {what}: azure-ai-ml fails on it ({type(error).__name__}: {said_by(error)})"
            ) from None


def _mistake(error: Exception, what: str, source: MappingNode | None) -> WrongUsage:
    found = schema_problems(error)
    if source is None or not found:
        return WrongUsage(f"can't {what}: {said_by(error)}")
    return DeclarationError(
        Problem(place_near(source, keys), ".".join(keys), text) for keys, text in found
    )


def place_near(node: Node, keys: Sequence[str]) -> Place:
    """Return the place of a key, or of the last key above it that the file has."""
    place = node.place
    for key in keys:
        if not isinstance(node, MappingNode) or key not in node.entries:
            break
        place, node = node.key_places[key], node.entries[key]
    return place


def import_sdk() -> None:
    """Import azure-ai-ml, unless it is. Raises EnvironmentRefused where it is not installed."""
    if "azure.ai.ml" in sys.modules:
        return
    enabled = gc.isenabled()
    gc.disable()  # the import makes very many objects, none of which is garbage
    try:
        with warnings.catch_warnings(), _known_cloud():
            warnings.simplefilter("ignore")
            import azure.ai.ml  # noqa: F401
    except ImportError as error:
        raise EnvironmentRefused(
            f"azure-ai-ml can't be imported ({error}): {installed_by('azure-ai-ml', group='azure')}"
        ) from None
    finally:
        if enabled:
            gc.enable()
    tame_sdk()


@contextmanager
def _known_cloud() -> Iterator[None]:
    """Set a cloud that azure-ai-ml knows while it is imported.

    For default credentials, which the runner does not use, its import asks a private cloud's
    metadata address several times, and fails where that does not answer.
    """
    named = os.environ.get(_CURRENT)
    os.environ[_CURRENT] = _KNOWN
    try:
        yield
    finally:
        if named is None:
            del os.environ[_CURRENT]
        else:
            os.environ[_CURRENT] = named


def said_by(error: BaseException) -> str:
    """Return the message of an azure-ai-ml error on one line, without its advice."""
    problems = schema_problems(error)
    if problems:
        return "; ".join(f"{'.'.join(keys)}: {text}" if keys else text for keys, text in problems)
    text = scrub(str(getattr(error, "message", None) or error)).rstrip(".")
    return text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."


def schema_problems(error: BaseException) -> list[tuple[tuple[str, ...], str]]:
    """Return the keys of a declaration that azure-ai-ml refuses, each with the reason.

    It writes them as JSON within prose, in several layers. Empty for an error of another kind.
    """
    messages = getattr(error, "messages", None)  # of marshmallow, whose text is not JSON
    found = _leaves(messages, ()) if isinstance(messages, dict) else _problems_in(str(error))
    return list(dict.fromkeys(found))


def _problems_in(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    for content in _mappings_in(text):
        inner = content.get("errors")
        if content.get("result") == "Failed" and isinstance(inner, list):
            for found in inner:
                message = str(found.get("message") or "")
                below = list(_problems_in(message))
                path = str(found.get("path") or "").strip("*")
                keys = tuple(path.split(".")) if path else ()
                yield from below or [(keys, scrub(message).rstrip("."))]
        else:
            yield from _leaves(content, ())


def _leaves(content: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield marshmallow's messages, each with its keys.

    Where a value can have several forms, there are messages for each form that it does not have;
    only those of the nearest form are yielded.
    """
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _leaves(value, keys if key in _NO_KEYS else (*keys, str(key)))
    elif isinstance(content, list):
        told = [form for form in (list(_leaves(value, keys)) for value in content) if form]
        if told and any(isinstance(value, dict | list) for value in content):
            told = [min(told, key=lambda form: (form[0][1].startswith(_REFERENCES), len(form)))]
        for form in told:
            yield from form
    else:
        text = str(content)
        below = [(keys + more, said) for more, said in _problems_in(text)]
        yield from below or [(keys, scrub(text).rstrip("."))]


def _mappings_in(text: str) -> Iterator[dict[str, Any]]:
    decoder, at = json.JSONDecoder(), text.find("{")
    while at >= 0:
        try:
            content, end = decoder.raw_decode(text, at)
        except ValueError:
            end = at + 1
        else:
            if isinstance(content, dict) and content:
                yield content
        at = text.find("{", end)


def _raise_own(error: BaseException) -> None:
    """Raise the runner's own error where that is what azure-ai-ml stumbled over."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, RunnerError):
            raise found from None
        found = found.__cause__ or found.__context__


class _Written(BaseException):
    """Carries a request out of azure-ai-ml, past every `except Exception`.

    azure-ai-ml has no public way to write a request without sending it. It must not send the
    request itself: before a retry it does not look for a job whose answer was lost, nor does it
    sign in anew where a token was withdrawn. So the request is caught in its pipeline.
    """

    def __init__(self, request: Any) -> None:
        super().__init__("the request was written")
        self.request = request


# The part of a path that follows /subscriptions/S/resourceGroups/G/providers/P/workspaces/W/.
_SEGMENT = 9
_SENT_HEADERS = ("content-type", "x-azureml-token")


class _Guard(SansIOHTTPPolicy[Any, Any]):
    """Sees every request before it is sent: refuses uploads, and catches the wanted request.

    A request for another resource of the same kind is refused, as azure-ai-ml would create it
    under another name than asked. All clients of azure-ai-ml share an instance.
    """

    def __init__(self) -> None:
        self.caught: str | None = None  # the address whose PUT is caught

    def on_request(self, request: Any) -> None:
        address = urlsplit(request.http_request.url)
        parts = [part for part in address.path.lower().split("/") if part]
        if any(part in _UPLOADS for part in parts[-2:]):
            raise EnvironmentRefused(
                "azure-ai-ml would send files of this machine itself, which the runner keeps it"
                f" from ({'/'.join(parts[-3:])}): this is a fault of the runner's, please report it"
            )
        if self.caught is None or request.http_request.method != "PUT":
            return
        asked = urlsplit(self.caught).path.lower()
        if address.path.lower() == asked:
            raise _Written(request.http_request)
        own = asked.count("/")
        if address.path.count("/") == own and asked.split("/")[_SEGMENT] == parts[_SEGMENT - 1]:
            raise EnvironmentRefused(
                f"azure-ai-ml would create {'/'.join(parts[_SEGMENT - 1 :])} in place of"
                f" {'/'.join(asked.split('/')[_SEGMENT:])}: please report it"
            )


def _open(connection: Connection, registry: str | None) -> MLClient:
    from azure.ai.ml import MLClient

    outputs, cloud, seconds = connection.outputs, connection.cloud, timeout()
    scope: tuple[str | None, ...] = (
        outputs.subscription_id,
        outputs.resource_group,
        None if registry else outputs.workspace,
        registry,
    )
    return MLClient(
        connection.credential,
        *scope,
        show_progress=False,
        enable_telemetry=False,
        cloud=cloud.name,
        cloud_metadata=_described(cloud),
        per_call_policies=[connection.once(_guard)],
        connection_timeout=min(seconds, 20.0),
        read_timeout=seconds,
        **RETRIES,
    )


def _described(cloud: Cloud) -> dict[str, str]:
    """Return a cloud in azure-ai-ml's form; it would ask for a private one's at each call."""
    suffix = cloud.machine_learning.removeprefix("https://ml.azure.")
    region = os.environ.get(_REGION, _USUAL_REGION)
    return {
        "azure_portal": f"https://portal.azure.{suffix}",  # in links that the runner doesn't show
        "resource_manager": cloud.resource_manager,
        "active_directory": cloud.authority,
        "aml_resource_id": cloud.machine_learning,
        "storage_endpoint": cloud.storage_suffix,
        "registry_discovery_endpoint": os.environ.get(
            _DISCOVERY, f"https://{cloud.name.lower()}{region}.api.ml.azure.{suffix}/"
        ),
    }


def _clients(_connection: Connection) -> dict[str | None, MLClient]:
    return {}


def _guard(_connection: Connection) -> _Guard:
    return _Guard()
