"""Names of Azure resources: the same ones every time, and unique where Azure wants that.

Many names must be unique in a region or in the world. Those end with six hex digits of the
SHA-256 of project, stack and subscription, so that two stacks, or the same stack in two
subscriptions, never meet; what comes before is cut until the whole fits. A stack's generation, if
it has one, counts too: Azure keeps the names of deleted vaults and workspaces for days.
Source of lengths and alphabets: Azure's naming rules for each resource provider.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256

DIGITS = 6


@dataclass(frozen=True)
class Names:
    """The names of one stack in one subscription, in one generation."""

    project: str
    stack: str
    subscription_id: str
    generation: str = ""

    @property
    def resource_group(self) -> str:
        """Return at most 90 characters; unique in the subscription.

        Digits only where the name is not project and stack as they are: what is cut or replaced
        may be all that tells two stacks apart.
        """
        whole = f"{self.project}-{self.stack}"
        return whole if whole == self._words and len(whole) <= 90 else self._hyphened(90)

    @property
    def storage_account(self) -> str:
        """Return 3 to 24 lower-case letters and digits; unique in the world."""
        return _cut(_squeezed(self._words), 24 - DIGITS) + self._digits()

    @property
    def registry(self) -> str:
        """Return 5 to 50 letters and digits; unique in the world."""
        return _cut(_squeezed(self._words), 50 - DIGITS) + self._digits()

    @property
    def vault(self) -> str:
        """Return 3 to 24 letters, digits and single hyphens, a letter first; unique worldwide."""
        return self._hyphened(24)

    @property
    def workspace(self) -> str:
        """Return 3 to 33 letters, digits and hyphens; unique in the resource group."""
        return self._hyphened(33)

    @property
    def logs(self) -> str:
        """Return 4 to 63 letters, digits and hyphens; unique in the resource group."""
        return self._hyphened(63)

    @property
    def insights(self) -> str:
        """Return at most 63 characters, of the 260 allowed; unique in the resource group."""
        return self._hyphened(63)

    @property
    def managed_group(self) -> str:
        """Return at most 90 characters, for the group that Databricks makes for machines."""
        end = f"-managed-{self._digits()}"
        return _cut(self._words, 90 - len(end)) + end

    @property
    def access_connector(self) -> str:
        """Return 3 to 64 letters, digits and hyphens; unique in the resource group."""
        return self._hyphened(64)

    @property
    def catalog_storage(self) -> str:
        """Return at most 63 characters, of the 255 allowed; unique in the metastore."""
        return self._hyphened(63)

    @property
    def network_link(self) -> str:
        """Return at most 63 letters, digits and hyphens, of 80 allowed; unique in a DNS zone."""
        return self._hyphened(63)

    def private_endpoint(self, to: str) -> str:
        """Return 2 to 64 letters, digits and hyphens; unique in the resource group."""
        return f"{_cut(self._words, 64 - len(to) - DIGITS - 2)}-{to}-{self._digits()}"

    def identity(self, of: str) -> str:
        """Return 3 to 128 letters, digits and hyphens; unique in the resource group."""
        return f"{_cut(self._words, 100)}-{of}"

    def of_group(self, of: str) -> str:
        """Return at most 50 characters and `of`; unique in the resource group."""
        return f"{_cut(self._words, 50)}-{of}"

    def endpoint(self, logical: str, *fixed: str) -> str:
        """Return 3 to 32 letters, digits and hyphens, a letter first; unique in the region.

        The logical name counts for the digits too, as two of them may be cut to the same, and so
        does what of the endpoint is `fixed` for its life.
        """
        return f"{_cut(logical, 32 - DIGITS - 1)}-{self._digits(logical, *fixed)}"

    @property
    def _words(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", f"{self.project}-{self.stack}".lower())
        return words.lstrip("-0123456789").rstrip("-") or "s"

    def _hyphened(self, longest: int) -> str:
        return f"{_cut(self._words, longest - DIGITS - 1)}-{self._digits()}"

    def _digits(self, *more: str) -> str:
        # No slash is allowed in any of these, so different parts never join to the same text.
        place = self.subscription_id.lower() + (f".{self.generation}" if self.generation else "")
        text = "/".join([self.project, self.stack, place, *more])
        return sha256(text.encode()).hexdigest()[:DIGITS]


def _cut(text: str, longest: int) -> str:
    return text[:longest].rstrip("-")


def _squeezed(text: str) -> str:
    return text.replace("-", "")
