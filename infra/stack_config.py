"""One stack's configuration as Pulumi has it, read key by key, with everything wrong gathered.

Which keys there are on which platform, and what stacks of every platform have in common.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import pulumi
from pulumi.runtime import get_config_env, is_config_secret
from pulumi.runtime.config import get_config

from infra.dynamic.consent import MAY_STOP
from infra.names import Names
from infra.pins import Waiting, pinning
from infra.tag_rules import MOST_OWN_TAGS, refused_tags
from runner.clouds import CLOUDS, PULUMI_NAMES, choose_cloud
from runner.commit import checked_out_commit
from runner.declarations import Catalog, DeclarationError, Problem, lay_over, read_catalog
from runner.declarations.catalog import ENDPOINTS, sorted_problems
from runner.declarations.document import MappingNode, Node, ScalarKind, ScalarNode
from runner.declarations.overlay import (
    DEFAULT_ENDPOINT,
    LOCATION,
    MODELS,
    PLATFORM,
    is_secret,
    platform_from,
    read_config,
    stack_from,
    unknown_key,
)
from runner.declarations.problem import Place
from runner.declarations.reader import Check, Text, between, read_value, refused

T = TypeVar("T")

ALERTS = "scoring:alerts"
BUDGET = "scoring:budget"
CATALOG = "scoring:catalog"
CLUSTERS = "scoring:clusters"
DATASTORE_KEYS = "scoring:datastoreKeys"
DATASTORES = "scoring:datastores"
DIAGNOSTICS = "scoring:diagnostics"
GENERATION = "scoring:generation"
EXISTING = "scoring:existing"
FIREWALL = "scoring:firewallSku"
GROUPS = "scoring:groups"
IMAGE_BUILDER = "scoring:imageBuilderSize"
ISOLATION = "scoring:isolation"
KEPT_DAYS = "scoring:keptDays"
OUTBOUND = "scoring:outbound"
PRIVATE_ENDPOINTS = "scoring:privateEndpoints"
PRODUCTION = "scoring:production"
ROLE_SETTLING = "scoring:roleSettlingSeconds"
SCHEMA = "scoring:schema"
TAGS = "scoring:tags"
WEBHOOKS = "scoring:alertWebhooks"
ANYWHERE = (
    *(CLUSTERS, DEFAULT_ENDPOINT, ENDPOINTS, GENERATION, MODELS, PLATFORM, PRODUCTION),
    *(ROLE_SETTLING, TAGS),
)
ONLY_ON: Mapping[str, tuple[str, ...]] = {
    "azureml": (
        *(ALERTS, BUDGET, DATASTORE_KEYS, DATASTORES, DIAGNOSTICS, EXISTING, FIREWALL),
        *(IMAGE_BUILDER, ISOLATION, KEPT_DAYS, MAY_STOP, OUTBOUND, PRIVATE_ENDPOINTS, WEBHOOKS),
    ),
    "databricks": (CATALOG, GROUPS, SCHEMA),
}
SCORING = (*ANYWHERE, *(key for keys in ONLY_ON.values() for key in keys))
HIDDEN = (DATASTORE_KEYS, WEBHOOKS)  # what may be a secret, and is never shown
CLOUD = "azure-native:environment"
METADATA_HOST = "azure-native:metadataHost"
SUBSCRIPTION = "azure-native:subscriptionId"
AZURE = (CLOUD, LOCATION, METADATA_HOST, SUBSCRIPTION)

COMMIT_VARIABLES = ("GIT_COMMIT", "GITHUB_SHA", "BUILD_SOURCEVERSION")

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)

# Texts that are values of another type, and YAML's name for that type.
_QUOTED: Mapping[type, tuple[ScalarKind, re.Pattern[str]]] = {
    bool: ("bool", re.compile("true|false", re.IGNORECASE)),
    int: ("int", re.compile("[+-]?[0-9]+")),
}


def matches(pattern: str) -> Callable[[str], bool]:
    """Return the rule that the whole of a text is as a pattern says."""
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


Size = Annotated[str, Check(matches(r"Standard_\w+"), "a size such as Standard_D4ds_v4")]
Region = Annotated[
    str, Check(matches(r"[a-z][a-z0-9]{2,}"), "a region's short name, such as koreacentral")
]
Generation = Annotated[str, Check(matches(r"[a-z0-9]{1,8}"), "up to 8 small letters and digits")]
Guid = Annotated[str, Check(lambda text: _GUID.fullmatch(text) is not None, "a subscription's id")]


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """The settings of every platform: a place in Azure, and the catalog with the stack over it.

    Each platform's own settings are a kind of these.
    """

    project: str
    stack: str
    subscription_id: str
    location: str
    cloud: str  # as Azure's SDK names it
    production: bool
    commit: str | None
    catalog: Catalog
    generation: str = ""  # counts for names, for one that starts over
    role_settling: int = 180  # seconds that new role assignments are given to take hold
    own_tags: Mapping[str, str] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()

    @property
    def names(self) -> Names:
        return Names(self.project, self.stack, self.subscription_id, self.generation)

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags of every resource of Azure."""
        return self.tags_with({})

    @property
    def lasting_tags(self) -> dict[str, str]:
        """Return the tags without the commit, for what a new tag would restart."""
        return self.lasting_tags_with({})

    def tags_with(self, declared: Mapping[str, str]) -> dict[str, str]:
        """Return a declaration's tags over the stack's own, with this program's over both."""
        return self.lasting_tags_with(declared) | ({"commit": self.commit} if self.commit else {})

    def lasting_tags_with(self, declared: Mapping[str, str]) -> dict[str, str]:
        """Return the tags of `tags_with` without the commit."""
        ours = {"project": self.project, "environment": self.stack}
        return {**self.own_tags, **declared, **ours}


def log_waiting(settings: StackSettings) -> None:
    """Tell, in a preview too, which deployments are left out and how to have them."""
    if settings.waiting:
        names = "".join(f"\n  {deployment}" for deployment in settings.waiting)
        commands = pinning(settings.catalog, settings.stack, settings.waiting)
        pulumi.log.info(
            f"not deployed, waiting for a pin in Pulumi.{settings.stack}.yaml:{names}"
            + "".join(f"\n`{command}` registers and pins." for command in commands)
        )


class StackConfig:
    """The configuration of the stack that Pulumi runs; gathers problems in place of stopping.

    A value that is refused reads as if it were absent, so that each slip is told once. Raises
    DeclarationError where the file is none or the platform isn't known.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.project, self.stack = root, pulumi.get_project(), pulumi.get_stack()
        self.file = root / f"Pulumi.{self.stack}.yaml"
        self.problems: list[Problem] = []
        self._hidden_places: dict[str, Place] = {}
        self.config, self.refused = self._config()
        platform = self.attempt(lambda: platform_from(self.config))
        if platform is None:  # then nothing else can be judged
            raise DeclarationError(sorted_problems(self.problems))
        self.platform = platform
        self._refuse_others()

    def _config(self) -> tuple[MappingNode, set[str]]:
        """Return the configuration without keys that are refused already, and those keys."""
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
        nowhere = Place(self.file, 0)
        for key in sorted(secret & {*SCORING, *AZURE} - {*HIDDEN}):
            place = config.key_places.get(key, nowhere)
            self.problems.append(Problem(place, key, "found a secret, allowed: a plain value"))
        for key in HIDDEN:
            if key in config.entries or key in secret:
                self._hidden_places[key] = config.key_places.get(key, nowhere)
        return config.without(*secret, *HIDDEN), secret - {*HIDDEN}

    def _refuse_others(self) -> None:
        """Refuse the keys that only another platform gives a meaning."""
        for platform, keys in ONLY_ON.items():
            for key in keys:
                there = key in self.config.entries or key in self._hidden_places
                if platform != self.platform and there:
                    text = f"means nothing with {PLATFORM}: {self.platform}, allowed: no such key"
                    self.refuse(text, key)
                    self.refused.add(key)
        self.config = self.config.without(*self.refused)

    def common(self) -> dict[str, Any]:
        """Return the settings that stacks of every platform have, without the catalog, by name."""
        return {
            "project": self.project,
            "stack": self.stack,
            "location": self.required(LOCATION, Region, "…"),
            "subscription_id": self._subscription().lower(),
            "cloud": self._cloud(),
            "production": self.value(PRODUCTION, bool, False),
            "generation": self.value(GENERATION, Generation, ""),
            "role_settling": self.value(ROLE_SETTLING, Annotated[int, between(0, 3600)], 180),
            "own_tags": self._tags(),
            "commit": _commit(self.root),
        }

    def catalog(self) -> Catalog | None:
        """Return the declarations with the stack laid over them; None where they can't be read."""
        ours = (DEFAULT_ENDPOINT, ENDPOINTS, MODELS)
        keys = [key for key in self.config.entries if key not in ours]
        stack = self.attempt(lambda: stack_from(self.config.without(*keys), self.file))
        declared = self.attempt(lambda: read_catalog(self.root / "models"))
        if stack is None or declared is None:
            return None
        return self.attempt(lambda: lay_over(declared, stack))

    def clusters(self, read: Callable[[str, Node, Place], T]) -> dict[str, T] | None:
        """Return the clusters by name, each as `read` makes it of its name, its node and its place.

        None where they can't be read, so that nothing is held against what they might be.
        """
        node = self.config.entries.get(CLUSTERS)
        if node is None:
            return None if CLUSTERS in self.refused else {}
        if not isinstance(node, MappingNode):
            error = refused(node, CLUSTERS, "a mapping of clusters by name")
            self.problems.extend(error.problems)
            return None
        clusters: dict[str, T] = {}
        broken = False
        for name, given in node.entries.items():
            cluster = self.attempt(
                lambda given=given, name=name: read(name, given, node.key_places[name])  # type: ignore[misc]
            )
            broken = broken or cluster is None
            clusters |= {} if cluster is None else {name: cluster}
        return None if broken else clusters

    def problem(self, text: str, key: str, *names: str) -> Problem:
        """Return the problem of a key, or of a name below it."""
        return Problem(self._place(key, *names), ".".join((key, *names)), text)

    def refuse(self, text: str, key: str, *names: str) -> None:
        """Add the problem of a key, or of a name below it, to those of the configuration."""
        self.problems.append(self.problem(text, key, *names))

    def hidden(self, key: str) -> Any:
        """Return what a key of HIDDEN holds, in clear; None where it is not there.

        It is text or what its JSON says. None of it may be in a message.
        """
        text = get_config(key)
        try:
            return None if text is None else json.loads(text)
        except ValueError:
            return text

    def is_secret(self, key: str) -> bool:
        """Return whether a key of HIDDEN is encrypted where it stands."""
        return is_config_secret(key)

    def _place(self, key: str, *names: str) -> Place:
        """Return where a name stands below a key; the stack file where the key isn't in it."""
        node: Node | None = self.config.entries.get(key)
        hidden = self._hidden_places.get(key, Place(self.file, 0))
        place = self.config.key_places.get(key, hidden)
        for name in names:
            if not isinstance(node, MappingNode) or name not in node.key_places:
                break
            place = node.key_places[name]
            node = node.entries[name]
        return place

    def attempt(self, read: Callable[[], T]) -> T | None:
        """Return what `read` returns; where it refuses, keep its problems and return None."""
        try:
            return read()
        except DeclarationError as error:
            self.problems.extend(error.problems)
            return None

    def value(self, key: str, hint: Any, absent: T) -> T:
        """Return the value of a key as `hint` says, else `absent`."""
        node = self.config.entries.get(key)
        if node is None:
            return absent
        value: T | None = self.attempt(lambda: read_value(_unquoted(node, hint), hint, key))
        return absent if value is None else value

    def required(self, key: str, hint: Any, example: str) -> str:
        """Return the text of a key that has to be there."""
        if key not in self.config.entries and key not in self.refused:
            self.refuse(f"missing, and required: `pulumi config set {key} {example}`", key)
        return self.value(key, hint, "")

    def _tags(self) -> dict[str, str]:
        """Return the stack's own tags, which every resource gets that takes any."""
        tags: dict[str, str] = dict(self.value(TAGS, Mapping[str, Text], {}))
        for name, value in tags.items():
            for problem in refused_tags(name, value):
                self.refuse(problem, TAGS, name)
        if len(tags) > MOST_OWN_TAGS:
            text = f"found {len(tags)}, allowed: {MOST_OWN_TAGS} at most, beside those of ours"
            self.refuse(text, TAGS)
        folded: dict[str, str] = {}
        for name in tags:
            first = folded.setdefault(name.lower(), name)
            if first != name:
                self.refuse(f"is the same to Azure as {first!r}, allowed: one of them", TAGS, name)
        return tags

    def _subscription(self) -> str:
        """Return the subscription of the stack file or the environment, as the plugin takes it."""
        given = os.environ.get("ARM_SUBSCRIPTION_ID", "")
        if SUBSCRIPTION in self.config.entries or SUBSCRIPTION in self.refused:
            return self.value(SUBSCRIPTION, Guid, "")
        if _GUID.fullmatch(given) is None:
            found = f"found {given!r} in ARM_SUBSCRIPTION_ID" if given else "missing, and required"
            text = f"{found}, allowed: a subscription's id here or in ARM_SUBSCRIPTION_ID"
            self.refuse(text, SUBSCRIPTION)
        return given

    def _cloud(self) -> str:
        name, host = choose_cloud(self._setting)
        if not name or (not host and name not in CLOUDS):
            found = f"found {name!r}" if name else f"missing, and required beside {METADATA_HOST}"
            allowed = f"allowed: {', '.join(PULUMI_NAMES)}, or a private cloud's name with its host"
            self.refuse(f"{found}, {allowed}", CLOUD)
        return name

    def _setting(self, key: str, *variables: str) -> str | None:
        """Return a key of the stack file, or an environment variable, as the plugin takes them."""
        given = (os.environ.get(variable) for variable in variables)
        return self.value(f"azure-native:{key}", str, "") or next(filter(None, given), None)


_OURS = ("scoring:", *AZURE)
_NAMESPACES = ("scoring", "azure-native")


def _unquoted(node: Node, hint: Any) -> Node:
    """Return a top-level value as it was meant.

    Single values are text to Pulumi, which puts true and 3 in quotes when it writes the file.
    """
    base = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if isinstance(node, ScalarNode) and node.kind == "text" and base in _QUOTED:
        kind, pattern = _QUOTED[base]
        return replace(node, kind=kind) if pattern.fullmatch(node.text) else node
    return node


def _misspelt(key: str) -> bool:
    """Return whether a key is meant for this program or its provider, but neither knows it."""
    namespace, _, name = key.partition(":")
    if namespace == "scoring":
        return key not in SCORING
    if namespace != "azure-native":  # of another package, which may be used for what is added here
        return bool(get_close_matches(namespace, _NAMESPACES, cutoff=0.8))
    known = [key.partition(":")[2] for key in AZURE]
    return name not in known and bool(get_close_matches(name, known, cutoff=0.8))


def _commit(root: Path) -> str | None:
    """Return the commit that is deployed, from the pipeline or git; None outside of both."""
    for variable in COMMIT_VARIABLES:
        if value := os.environ.get(variable):
            return value if _COMMIT.fullmatch(value) else None
    return checked_out_commit(root)
