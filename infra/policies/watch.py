"""The rules that what watches reaches somebody, and that what scales has an end."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from infra.policies.rule import UNKNOWN, Resource, Rule, known, whole_number

_CONTACTS = ("contactEmails", "contactGroups", "contactRoles")
_RECEIVERS = (
    *("emailReceivers", "webhookReceivers", "armRoleReceivers", "smsReceivers"),
    *("azureAppPushReceivers", "azureFunctionReceivers", "logicAppReceivers"),
)

MOST: Final = whole_number("most", 10, 1, 500, "How many instances a deployment may grow to.")


def _told(resource: Resource) -> Iterator[str]:
    way_out = f"name somebody in scoring:alerts of {resource.stack_file}"
    if resource.kind == "monitor:MetricAlert" and not resource.read("actions"):
        yield f"{resource.name} tells nobody; {way_out}"
    if resource.kind == "monitor:ActionGroup" and not any(map(resource.read, _RECEIVERS)):
        yield f"{resource.name} has nobody to tell; {way_out}"
    if resource.kind == "consumption:Budget":
        notifications = resource.read("notifications")
        if notifications is not UNKNOWN and not any(
            known(notification, name)
            for notification in _values(notifications)
            for name in _CONTACTS
        ):
            yield f"{resource.name} tells nobody; {way_out}"


def _logged(resource: Resource) -> Iterator[str]:
    if resource.kind != "monitor:DiagnosticSetting":
        return
    if resource.read("workspaceId") is None:
        yield f"{resource.name} sends logs elsewhere; give it the log workspace's id in infra/"


def _ceiling(resource: Resource) -> Iterator[str]:
    if resource.kind != "monitor:AutoscaleSetting":
        return
    profiles, most = resource.read("profiles"), MOST.of(resource)
    for profile in profiles if isinstance(profiles, Sequence) else ():
        capacity = known(profile, "capacity")
        maximum = known(capacity, "maximum") if isinstance(capacity, Mapping) else None
        if maximum not in (None, UNKNOWN) and int(maximum) > most:
            yield (
                f"{resource.name} may grow to {maximum} instances; set"
                f" scale_settings.max_instances to at most {most:g}, or this policy's {MOST.key}"
            )


def _values(mapping: Any) -> list[Any]:
    if not isinstance(mapping, Mapping):
        return []
    return [value for name in mapping if isinstance(value := known(mapping, name), Mapping)]


ALERTS_TELL: Final = Rule(
    "alerts-tell-somebody", "Alerts and budgets have somebody whom they tell.", _told
)
LOGS_KEPT: Final = Rule(
    "logs-go-to-the-log-workspace", "Diagnostic settings send to Log Analytics.", _logged
)
SCALING_ENDS: Final = Rule(
    "autoscale-has-a-ceiling",
    "A deployment that scales by its load has few instances at most.",
    _ceiling,
    (MOST,),
)
