"""Looks up settings of Pulumi's plugin that a test gives."""

from __future__ import annotations

from runner.clouds import Setting


def settings(**given: str) -> Setting:
    """Return a lookup of settings by key, or by variable where the name is in capitals."""

    def setting(key: str, *variables: str) -> str | None:
        return next((given[name] for name in (key, *variables) if name in given), None)

    return setting
