"""The alerts, the budget, and the keeping of logs and blobs that a stack file asks for."""

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from infra.existing.resources import Existing
from infra.stack_config import (
    ALERTS,
    BUDGET,
    DIAGNOSTICS,
    EXISTING,
    KEPT_DAYS,
    WEBHOOKS,
    StackConfig,
)
from runner.declarations.reader import Check, at_least, between

Logged = Literal["workspace", "endpoints", "vault", "registry", "storage"]
# Logged unless a stack says otherwise. Blobs that are written are too many for that.
PLACES: tuple[Logged, ...] = ("workspace", "endpoints", "vault", "registry")
EVERYTHING: tuple[Logged, ...] = (*PLACES, "storage")
KEPT_ELSEWHERE, KEPT_IN_PRODUCTION = 7, 30  # days
MOST_NOTIFICATIONS = 5  # of one budget

_EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+")
Email = Annotated[str, Check(lambda text: _EMAIL.fullmatch(text) is not None, "an e-mail address")]
Days = Annotated[int, between(1, 365)]
Percent = Annotated[int, between(1, 1000)]


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """The people who are told, and of what. Webhooks are secrets, and have a key of their own."""

    emails: tuple[Email, ...] = ()
    failed_jobs: bool = True
    server_errors: Annotated[int, at_least(1)] = 1  # a minute, at an online endpoint
    webhooks: tuple[str, ...] = field(default=(), repr=False, metadata={"given": True})


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The cost of a month in the subscription's currency; thresholds are percent of it."""

    amount: Annotated[float, Check(lambda amount: amount > 0, "more than 0")]
    thresholds: tuple[Percent, ...] = (80, 100)  # of what was spent
    forecast: tuple[Percent, ...] = (100,)  # of what Azure expects by the end of the month
    emails: tuple[Email, ...] = ()


def alerts_from(config: StackConfig) -> Alerts | None:
    """Read who is told of what; None where nobody is."""
    alerts: Alerts | None = config.value(ALERTS, Alerts, None)
    webhooks = _webhooks(config)
    if alerts is None:
        return Alerts(webhooks=webhooks) if webhooks else None
    if not alerts.emails and not webhooks:
        text = f"tells nobody, allowed: emails: [ADDRESS, …], or {WEBHOOKS}"
        config.refuse(text, ALERTS)
    return replace(alerts, webhooks=webhooks)


def _webhooks(config: StackConfig) -> tuple[str, ...]:
    given = config.hidden(WEBHOOKS)
    found = [given] if isinstance(given, str) else given or []
    if not isinstance(found, list) or not all(_is_webhook(address) for address in found):
        text = "found something else, which is not shown, allowed: a list of https:// addresses"
        config.refuse(text, WEBHOOKS)
        return ()
    return tuple(dict.fromkeys(found))


def _is_webhook(address: Any) -> bool:
    if not isinstance(address, str) or not address.isprintable():
        return False
    try:
        parts = urlsplit(address)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:  # whose text holds some of the address
        return False
    return parts.scheme == "https" and named and " " not in address


def budget_from(config: StackConfig, alerts: Alerts | None) -> Budget | None:
    """Read the budget; None where there is none."""
    budget: Budget | None = config.value(BUDGET, Budget, None)
    if budget is None:
        return None
    count = len({*budget.thresholds}) + len({*budget.forecast})
    if not 1 <= count <= MOST_NOTIFICATIONS:
        text = f"found {count} thresholds and forecasts, allowed: 1 to {MOST_NOTIFICATIONS} of both"
        config.refuse(text, BUDGET)
    if not budget.emails and alerts is None and ALERTS not in config.config.entries:
        text = f"tells nobody, allowed: emails: [ADDRESS, …], or {ALERTS}"
        config.refuse(text, BUDGET)
    return budget


def logged_from(config: StackConfig, existing: Existing) -> tuple[Logged, ...]:
    """Read whose logs are kept: of what the stack makes, where there is a place for them."""
    others = {*existing.services, *(EVERYTHING if existing.workspace else ())} - {"endpoints"}
    if existing.workspace and not existing.log_analytics:
        others.add("endpoints")
    ours = tuple(place for place in PLACES if place not in others)
    logged: tuple[Logged, ...] = config.value(DIAGNOSTICS, tuple[Logged, ...], ours)
    for place in logged:
        if place in others:
            text = f"found {place}, which the stack doesn't make or has no place for the logs of"
            if place == "endpoints":
                text += f"; {EXISTING}.log_analytics is one"
            text += (
                f", allowed: {', '.join(kind for kind in EVERYTHING if kind not in others) or '[]'}"
            )
            config.refuse(text, DIAGNOSTICS)
    return tuple(dict.fromkeys(logged))


def kept_days_from(config: StackConfig, existing: Existing, *, production: bool) -> int | None:
    """Read for how long deleted blobs are kept; None where the storage account is another's."""
    days = config.value(KEPT_DAYS, Days, KEPT_IN_PRODUCTION if production else KEPT_ELSEWHERE)
    if not (existing.storage or existing.workspace):
        return days
    if KEPT_DAYS in config.config.entries:
        text = "means nothing beside a storage account that was there before, allowed: no such key"
        config.refuse(text, KEPT_DAYS)
    return None
