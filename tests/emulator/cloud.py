"""The state that handlers work with, and the parts that others plug in."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Protocol

from tests.emulator.operations import Operations
from tests.emulator.state import Resource, State
from tests.emulator.tokens import Application, Tokens, application


class Storage(Protocol):
    """The server that really holds the blobs of all storage accounts."""

    @property
    def port(self) -> int:
        """Return the port of 127.0.0.1 that tunnels to blob hosts lead to."""
        ...

    def open_account(self, account: str) -> None:
        """Make an account reachable."""
        ...

    def create_container(self, account: str, container: str) -> None:
        """Create a container unless it is there."""
        ...

    def sas(self, account: str) -> str:
        """Give a shared access signature, without a leading question mark."""
        ...

    def read(self, account: str, container: str, path: str) -> bytes | None:
        """Give the content of a blob, None where there is none."""
        ...

    def copy(
        self, account: str, container: str, path: str, to: str, to_container: str, to_path: str
    ) -> None:
        """Copy a blob, or all below a path, to a container that is there."""
        ...


class Jobs(Protocol):
    """Whoever runs jobs. The job resource in the state is the truth; this acts on it."""

    def start(self, job: Resource) -> None:
        """Begin a job that the state has."""
        ...

    def cancel(self, job: Resource) -> None:
        """Begin to end a job, which is in state Running or before."""
        ...


@dataclass
class Cloud:
    """One Azure: a subscription, its resources and who may sign in."""

    state: State
    subscription: str
    application: Application
    tokens: Tokens
    operations: Operations
    page_size: int = 30  # resources in one answer to a list of Machine Learning
    storage: Storage | None = None
    jobs: Jobs | None = None
    cores: int | None = None  # that the subscription may use; without a limit, any number
    held: set[str] = field(default_factory=set)  # ids of who signs in and is held to their roles
    ignores_job_names: bool = False  # not even a display name is taken from who invokes

    def sas(self, account: str) -> str:
        """Give a signature for a storage account; without a storage, one that opens nothing."""
        if self.storage is not None:
            return self.storage.sas(account)
        return f"sv=2024-11-04&sp=rwl&sig={secrets.token_urlsafe(32)}"


def open_cloud(state: State) -> Cloud:
    """Make the cloud whose state this is; its names are made up once."""
    with state.transaction():
        subscription = state.setting("subscription")
        if subscription is None:
            subscription = str(uuid.uuid4())
            state.set_setting("subscription", subscription)
        app = application(state)
        tokens = Tokens(state, app)
    return Cloud(state, subscription, app, tokens, Operations(state))
