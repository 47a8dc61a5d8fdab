"""A rule over one resource, and how it becomes a policy."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pulumi_policy import (
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

_AZURE = re.compile(r"azure-native:(?P<module>\w+)(?:/v\w+)?:(?P<name>\w+)")


class Unknown:
    """The type of UNKNOWN."""


UNKNOWN: Final = Unknown()
"""A value that a preview can't know yet: the rules let it pass, and `up` checks it."""


@dataclass(frozen=True)
class Resource:
    """A resource as its program declares it, before the provider sees it.

    `kind` is the module and the name of an azure-native type, without the API version
    (`storage:StorageAccount`), and the whole type of any other resource.
    """

    kind: str
    name: str
    stack: str
    properties: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def azure(self) -> bool:
        # A whole type has three parts: a package, a module and a name.
        return self.kind.count(":") == 1

    @property
    def stack_file(self) -> str:
        return f"Pulumi.{self.stack}.yaml"

    def read(self, path: str) -> Any:
        """Return the value at a dotted path: None for none, UNKNOWN where it isn't known."""
        value: Any = self.properties
        for key in path.split("."):
            if not isinstance(value, Mapping):
                return None
            value = known(value, key)
            if value is UNKNOWN:
                return value
        return value


@dataclass(frozen=True)
class Setting:
    """One key of a rule's configuration. `schema` is its JSON schema, with a default."""

    key: str
    schema: Mapping[str, Any]

    def of(self, resource: Resource) -> Any:
        return resource.config.get(self.key, self.schema["default"])


@dataclass(frozen=True)
class Rule:
    """A named rule. `check` yields a message for each thing to change."""

    name: str
    description: str
    check: Callable[[Resource], Iterator[str]]
    settings: tuple[Setting, ...] = ()


def words(key: str, default: list[str], description: str) -> Setting:
    """Return a setting that is a list of words."""
    schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    return Setting(key, {**schema, "description": description, "default": default})


def whole_number(key: str, default: int, least: int, most: int, description: str) -> Setting:
    """Return a setting that is a number within bounds."""
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Setting(key, {**schema, "description": description, "default": default})


PRODUCTION: Final = words("production", ["prod"], "The stacks that are production.")


def in_production(resource: Resource) -> bool:
    return resource.stack in PRODUCTION.of(resource)


def known(values: Mapping[str, Any], key: str) -> Any:
    """Return the value under a key: None where there is none, UNKNOWN where it isn't known."""
    try:
        return values.get(key)
    except UnknownValueError:
        return UNKNOWN


def as_policy(rule: Rule) -> ResourceValidationPolicy:
    """Return the rule as Pulumi takes it."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        for message in rule.check(resource_of(args)):
            report_violation(message, None)

    schema = {setting.key: dict(setting.schema) for setting in rule.settings}
    return ResourceValidationPolicy(
        rule.name,
        rule.description,
        validate,
        config_schema=PolicyConfigSchema(schema) if schema else None,
    )


def resource_of(args: ResourceValidationArgs) -> Resource:
    """Return the resource that Pulumi asks about."""
    azure = _AZURE.fullmatch(args.resource_type)
    return Resource(
        f"{azure['module']}:{azure['name']}" if azure else args.resource_type,
        args.name,
        args.urn.split("::")[0].rpartition(":")[2],
        args.props,
        args.get_config(),
    )
