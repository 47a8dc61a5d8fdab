"""What one stack asks for, typed and checked before the first resource is declared."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import pulumi
from pulumi.runtime import get_config_env, is_config_secret
from pulumi.runtime.config import get_config

from infra.environment import installing
from infra.names import Names
from infra.pins import Waiting, pinning, undeployable, unroutable, waiting_for_pins
from infra.unsupported import unsupported
from runner.clouds import CLOUDS, PULUMI_NAMES, choose_cloud
from runner.commit import checked_out_commit
from runner.declarations import Catalog, DeclarationError, Problem, lay_over, read_catalog
from runner.declarations.catalog import ENDPOINTS, sorted_problems
from runner.declarations.document import MappingNode, Node, ScalarKind, ScalarNode
from runner.declarations.overlay import (
    DEFAULT_ENDPOINT,
    LOCATION,
    is_secret,
    read_config,
    stack_from,
    unknown_key,
)
from runner.declarations.problem import Place
from runner.declarations.reader import Check, between, read_record, read_value, refused

T = TypeVar("T")

Isolation = Literal["none", "managed"]
Tier = Literal["dedicated", "low_priority"]

CLUSTERS = "scoring:clusters"
GENERATION = "scoring:generation"
ISOLATION = "scoring:isolation"
OUTBOUND = "scoring:outbound"
PRODUCTION = "scoring:production"
ROLE_SETTLING = "scoring:roleSettlingSeconds"
SCORING = (
    *(CLUSTERS, DEFAULT_ENDPOINT, ENDPOINTS, GENERATION, ISOLATION, OUTBOUND, PRODUCTION),
    ROLE_SETTLING,
)
CLOUD = "azure-native:environment"
METADATA_HOST = "azure-native:metadataHost"
SUBSCRIPTION = "azure-native:subscriptionId"
AZURE = (CLOUD, LOCATION, METADATA_HOST, SUBSCRIPTION)

COMMIT_VARIABLES = ("GIT_COMMIT", "GITHUB_SHA", "BUILD_SOURCEVERSION")

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_CLUSTER = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]")
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)

# What of a text is a value of another type, and how YAML names that.
_QUOTED: Mapping[type, tuple[ScalarKind, re.Pattern[str]]] = {
    bool: ("bool", re.compile("true|false", re.IGNORECASE)),
    int: ("int", re.compile("[+-]?[0-9]+")),
}


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


Size = Annotated[str, Check(_matches(r"Standard_\w+"), "a size such as Standard_DS3_v2")]
Region = Annotated[
    str, Check(_matches(r"[a-z][a-z0-9]{2,}"), "a region's short name, such as koreacentral")
]
Host = Annotated[
    str, Check(_matches(r"(\*\.)?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+"), "a host name, or *.domain")
]
Generation = Annotated[str, Check(_matches(r"[a-z0-9]{1,8}"), "up to 8 small letters and digits")]
Guid = Annotated[str, Check(lambda text: _GUID.fullmatch(text) is not None, "a subscription's id")]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One compute cluster, in the words of `az ml compute create`."""

    name: str = field(default="", metadata={"given": True})
    size: Size
    min_instances: Annotated[int, between(0, 65_000)] = 0
    max_instances: Annotated[int, between(1, 65_000)] = 4
    tier: Tier = "dedicated"
    idle_time_before_scale_down: Annotated[int, between(60, 86_400)] = 120  # seconds


@dataclass(frozen=True)
class Settings:
    """One stack: its place in Azure, its platform, and the catalog with the stack laid over."""

    project: str
    stack: str
    subscription_id: str
    location: str
    cloud: str  # as Azure's SDK names it
    isolation: Isolation
    production: bool
    commit: str | None
    clusters: Mapping[str, Cluster]
    catalog: Catalog
    outbound: tuple[str, ...] = ()  # hosts that a managed network may reach
    generation: str = ""  # counts for names, for one that starts over
    role_settling: int = 180  # seconds that new role assignments are given to take hold
    waiting: tuple[Waiting, ...] = ()

    @property
    def names(self) -> Names:
        return Names(self.project, self.stack, self.subscription_id, self.generation)

    @property
    def tags(self) -> dict[str, str]:
        """What every resource is tagged with."""
        tags = {"project": self.project, "environment": self.stack}
        return tags | ({"commit": self.commit} if self.commit else {})


def read_settings(root: Path) -> Settings:
    """Read the stack that Pulumi runs, of the project at `root`.

    Raises DeclarationError with everything that is wrong in the stack's configuration and in the
    declarations.
    """
    return _Reading(root, pulumi.get_project(), pulumi.get_stack()).settings()


def say_waiting(settings: Settings) -> None:
    """Tell, in a preview too, which deployments are left out and how to have them."""
    if settings.waiting:
        names = "".join(f"\n  {one}" for one in settings.waiting)
        commands = pinning(settings.catalog, settings.stack, settings.waiting)
        pulumi.log.info(
            f"not deployed, waiting for a pin in Pulumi.{settings.stack}.yaml:{names}"
            + "".join(f"\n`{one}` registers and pins." for one in commands)
        )


def warn_of_closed_network(settings: Settings) -> None:
    """Tell which deployments install packages that the managed network lets nobody fetch."""
    if settings.isolation != "managed" or settings.outbound:
        return
    if names := installing(settings.catalog):
        pulumi.log.warn(
            f"{', '.join(names)}: packages are installed into the image, and {OUTBOUND} names no"
            " host to fetch them from; name the hosts, or deploy with an environment that is built"
        )


class _Reading:
    """Gathers problems instead of stopping at the first."""

    def __init__(self, root: Path, project: str, stack: str) -> None:
        self.root, self.project, self.stack = root, project, stack
        self.file = root / f"Pulumi.{stack}.yaml"
        self.problems: list[Problem] = []
        self.config = self._config()

    def settings(self) -> Settings:
        location = self._required(LOCATION, Region)
        subscription_id = self._subscription()
        cloud = self._cloud()
        isolation: Isolation = self._value(ISOLATION, Isolation, "none")
        outbound = self._outbound(isolation)
        production = self._value(PRODUCTION, bool, False)
        generation = self._value(GENERATION, Generation, "")
        settling = self._value(ROLE_SETTLING, Annotated[int, between(0, 3600)], 180)
        clusters = self._clusters()
        catalog = self._catalog()
        if catalog is not None:
            self.problems += unroutable(catalog, self.file)
            if clusters is not None:
                self.problems += undeployable(catalog, self.file, clusters)
            if location:
                managed = isolation == "managed"
                self.problems += unsupported(catalog, location, self.file, managed=managed)
        if self.problems or catalog is None or clusters is None:
            raise DeclarationError(sorted_problems(self.problems))
        return Settings(
            project=self.project,
            stack=self.stack,
            subscription_id=subscription_id.lower(),
            location=location,
            cloud=cloud,
            isolation=isolation,
            production=production,
            commit=_commit(self.root),
            clusters=clusters,
            catalog=catalog,
            outbound=outbound,
            generation=generation,
            role_settling=settling,
            waiting=waiting_for_pins(catalog),
        )

    def _config(self) -> MappingNode:
        """The stack's configuration without what is refused already."""
        keys = {*SCORING, *AZURE, *get_config_env()}
        secret = {key for key in keys if is_config_secret(key)}
        values = {key: get_config(key) for key in keys - secret if key.startswith(_OURS)}
        given = {key: value for key, value in values.items() if value is not None}
        config = read_config(self.file, given)
        for key, place in config.key_places.items():
            if _misspelt(key):
                self.problems.append(unknown_key(place, key, SCORING + AZURE))
            if key in SCORING + AZURE and is_secret(config.entries[key]):
                secret.add(key)
        for key in sorted(secret & {*SCORING, *AZURE}):
            place = config.key_places.get(key, Place(self.file, 0))
            self.problems.append(Problem(place, key, "found a secret, allowed: a plain value"))
        self.refused = secret
        return config.without(*secret)

    def _try(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except DeclarationError as error:
            self.problems.extend(error.problems)
            return None

    def _value(self, key: str, hint: Any, absent: T) -> T:
        node = self.config.entries.get(key)
        if node is None:
            return absent
        value: T | None = self._try(lambda: read_value(_unquoted(node, hint), hint, key))
        return absent if value is None else value

    def _required(self, key: str, hint: Any) -> str:
        if key not in self.config.entries and key not in self.refused:
            text = f"missing, and required: `pulumi config set {key} …`"
            self.problems.append(Problem(Place(self.file, 0), key, text))
        return self._value(key, hint, "")

    def _subscription(self) -> str:
        """From the stack file or from the environment, as the azure-native provider takes it."""
        given = os.environ.get("ARM_SUBSCRIPTION_ID", "")
        if SUBSCRIPTION in self.config.entries or SUBSCRIPTION in self.refused:
            return self._value(SUBSCRIPTION, Guid, "")
        if _GUID.fullmatch(given) is None:
            found = f"found {given!r} in ARM_SUBSCRIPTION_ID" if given else "missing, and required"
            text = f"{found}, allowed: a subscription's id here or in ARM_SUBSCRIPTION_ID"
            self.problems.append(Problem(Place(self.file, 0), SUBSCRIPTION, text))
        return given

    def _cloud(self) -> str:
        name, host = choose_cloud(self._setting)
        if not name or (not host and name not in CLOUDS):
            place = self.config.key_places.get(CLOUD, Place(self.file, 0))
            found = f"found {name!r}" if name else f"missing, and required beside {METADATA_HOST}"
            allowed = f"allowed: {', '.join(PULUMI_NAMES)}, or a private cloud's name with its host"
            self.problems.append(Problem(place, CLOUD, f"{found}, {allowed}"))
        return name

    def _setting(self, key: str, *variables: str) -> str | None:
        """From the stack file or from the environment, as the azure-native plugin takes it."""
        given = (os.environ.get(variable) for variable in variables)
        return self._value(f"azure-native:{key}", str, "") or next(filter(None, given), None)

    def _outbound(self, isolation: Isolation) -> tuple[str, ...]:
        hosts: tuple[str, ...] = self._value(OUTBOUND, tuple[Host, ...], ())
        if hosts and isolation == "none":
            text = f"found hosts, allowed: only with {ISOLATION}: managed"
            self.problems.append(Problem(self.config.key_places[OUTBOUND], OUTBOUND, text))
        return hosts

    def _clusters(self) -> dict[str, Cluster] | None:
        """None where they can't be read, so that nothing is held against what they might be."""
        node = self.config.entries.get(CLUSTERS)
        if node is None:
            return None if CLUSTERS in self.refused else {}
        if not isinstance(node, MappingNode):
            error = refused(node, CLUSTERS, "a mapping of clusters by name")
            self.problems.extend(error.problems)
            return None
        clusters: dict[str, Cluster] = {}
        broken = False
        for name, one in node.entries.items():
            read = self._try(lambda one=one, name=name: _cluster(name, one, node.key_places[name]))  # type: ignore[misc]
            broken = broken or read is None
            clusters |= {name: read} if read else {}
        return None if broken else clusters

    def _catalog(self) -> Catalog | None:
        keys = [key for key in self.config.entries if key not in (DEFAULT_ENDPOINT, ENDPOINTS)]
        stack = self._try(lambda: stack_from(self.config.without(*keys), self.file))
        declared = self._try(lambda: read_catalog(self.root / "models"))
        if stack is None or declared is None:
            return None
        return self._try(lambda: lay_over(declared, stack))


_OURS = ("scoring:", *AZURE)
_NAMESPACES = ("scoring", "azure-native")


def _unquoted(node: Node, hint: Any) -> Node:
    """A top-level value as it was meant.

    Single values are text to Pulumi, which puts true and 3 in quotes when it writes the file.
    """
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if isinstance(node, ScalarNode) and node.kind == "text" and base in _QUOTED:
        kind, pattern = _QUOTED[base]
        return replace(node, kind=kind) if pattern.fullmatch(node.text) else node
    return node


def _misspelt(key: str) -> bool:
    """Whether a key is meant for this program or its provider, and neither would look at it."""
    namespace, _, name = key.partition(":")
    if namespace == "scoring":
        return key not in SCORING
    if namespace != "azure-native":  # of another package, which may be used for what is added here
        return bool(get_close_matches(namespace, _NAMESPACES, cutoff=0.8))
    known = [one.partition(":")[2] for one in AZURE]
    return name not in known and bool(get_close_matches(name, known, cutoff=0.8))


def _cluster(name: str, node: Node, place: Place) -> Cluster:
    """Read one cluster. Raises DeclarationError."""
    key = f"{CLUSTERS}.{name}"
    if _CLUSTER.fullmatch(name) is None:
        text = "is no name of a cluster, allowed: 3 to 32 letters, digits and hyphens"
        raise DeclarationError([Problem(place, key, text + ", beginning with a letter")])
    cluster = replace(read_record(node, Cluster, key), name=name)
    if cluster.min_instances > cluster.max_instances:
        text = f"found {cluster.min_instances}, allowed: at most max_instances, "
        assert isinstance(node, MappingNode)
        least = node.key_places["min_instances"]
        raise DeclarationError(
            [Problem(least, f"{key}.min_instances", f"{text}{cluster.max_instances}")]
        )
    return cluster


def _commit(root: Path) -> str | None:
    """The commit that is deployed, as the pipeline or git has it; None outside of both."""
    for variable in COMMIT_VARIABLES:
        if value := os.environ.get(variable):
            return value if _COMMIT.fullmatch(value) else None
    return checked_out_commit(root)
