"""The endpoints of a workspace, and the requests that they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from runner.errors import WrongUsage

if TYPE_CHECKING:
    from runner.workspace.jobs import Job


@dataclass(frozen=True)
class DeploymentInfo:
    """A deployment of an endpoint."""

    name: str
    endpoint: str
    model: str | None
    driver: str  # "mlflow", or the scoring script's name
    default: bool
    traffic: int | None = None  # percent, online endpoints only


@dataclass(frozen=True)
class EndpointInfo:
    """An endpoint with its deployments."""

    name: str
    kind: Literal["batch", "online"]
    deployments: tuple[DeploymentInfo, ...]
    default: str | None = None
    scoring_uri: str | None = None
    description: str = ""
    state: str | None = None  # in words, where the environment tells one


@dataclass(frozen=True)
class Invocation:
    """A call, as `az ml batch-endpoint invoke` takes it. None means: as declared."""

    endpoint: str | None = None
    deployment: str | None = None
    data: str | None = None  # path, pattern, azureml: reference, datastore URI or https URL
    input_type: str | None = None  # uri_file, uri_folder
    # --inputs NAME=VALUE: what a pipeline takes, data as `data` or a literal
    inputs: Mapping[str, str] = field(default_factory=dict)
    mini_batch_size: int | None = None
    instance_count: int | None = None
    # Bytes; a larger file is dealt out in slices; 0: never.
    slice_above: int | None = field(
        default=None, metadata={"only_here": "elsewhere a model gets every file whole"}
    )
    engine: str | None = field(
        default=None, metadata={"only_here": "elsewhere the platform says what runs a job"}
    )
    # --set KEY=VALUE: a key of the deployment's settings, dotted, with or without `settings.`
    settings: Mapping[str, str] = field(default_factory=dict)
    output_path: str | None = None  # a path, or a datastore URI


@dataclass(frozen=True)
class Response:
    """The answer of an online endpoint to one request."""

    status: int  # of HTTP
    body: bytes
    content_type: str
    deployment: str | None  # the one that answered, where the endpoint says so
    seconds: float  # from sending the request to its last byte
    model_error: str | None = None  # the model's own status and reason, where the endpoint says so

    @property
    def container_status(self) -> int:
        """Return the status that the model or script itself gave, where the endpoint says so."""
        own = (self.model_error or "").partition(" ")[0]
        return int(own) if own.isdecimal() else self.status


@dataclass(frozen=True)
class Serving:
    """The settings with which this machine serves an endpoint."""

    host: str = "127.0.0.1"
    port: int = 5001  # 0 is any that is free
    verbose: bool = False  # a line for every request, not only for those that failed
    container_status: bool = False  # clients get a model's or script's own status, not Azure's 424


def refuse_serving(environment: str, endpoint: str) -> WrongUsage:
    """Return the error for serving on this machine what another environment serves."""
    return WrongUsage(
        f"serve runs on this machine, not in environment {environment};"
        f" use --env local, or send requests with `runner invoke {endpoint} FILE --env"
        f" {environment}`"
    )


class Endpoints(Protocol):
    """The endpoints of a workspace with their deployments."""

    def endpoints(self) -> list[EndpointInfo]:
        """List the batch and online endpoints, by name."""
        ...

    def endpoint(self, name: str) -> EndpointInfo: ...
    def default_endpoint(self) -> str | None:
        """Return the batch endpoint that `invoke` takes where none is named; None without one."""
        ...

    def invoke(self, invocation: Invocation) -> Job:
        """Begin the job of a batch deployment, and return it without waiting for its end."""
        ...

    def send(self, endpoint: str, body: bytes, deployment: str | None = None) -> Response:
        """Send one JSON request to an online endpoint, to one of its deployments where named.

        An answer that is an error (4xx, 5xx) is returned like any other.
        """
        ...

    def serve(
        self,
        endpoint: str,
        serving: Serving,
        ready: Callable[[str], object],
        log: Callable[[str], object],
    ) -> None:
        """Serve an online endpoint on this machine until SIGINT or SIGTERM.

        `ready` gets the scoring URI, and `log` each line of the server's log.
        Raises `WrongUsage` where `abilities.serves` is False.
        """
        ...
