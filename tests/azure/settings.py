"""The settings of Pulumi's plugin, as a test gives them."""

from __future__ import annotations

from runner.clouds import Setting


def settings(**given: str) -> Setting:
    """Settings by key, or by variable where the name is in capitals."""

    def setting(key: str, *variables: str) -> str | None:
        return next((given[name] for name in (key, *variables) if name in given), None)

    return setting
