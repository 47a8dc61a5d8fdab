"""A stand-in for `az`, in which accounts of several tenants are signed in.

It answers as the Azure CLI does to `account get-access-token` and to nothing else.
Source: azure-cli 2, `Profile.get_raw_token` and `Profile.get_subscription`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.emulator import Emulator, addresses
from tests.emulator.blob_relay import STORAGE_AUDIENCES

OTHER_SUBSCRIPTION = "1d4f7a20-9c1e-4f6b-8a7d-2b3c4d5e6f70"

_AZ = """#!{python}
import argparse, json, sys, time

parser = argparse.ArgumentParser()
parser.add_argument("words", nargs=2)
for option in ("output", "resource", "subscription", "tenant"):
    parser.add_argument("--" + option)
asked = parser.parse_args()
known = json.load(open({known!r}))
with open({log!r}, "a") as log:
    log.write(json.dumps(vars(asked)) + "\\n")


def fail(text):
    print("ERROR: " + text, file=sys.stderr)
    sys.exit(1)


if asked.words != ["account", "get-access-token"]:
    fail("not of this stand-in")
if asked.subscription and asked.tenant:
    fail("Please specify only one of subscription and tenant, not both")
wanted = asked.subscription or known["default"]
tenant = asked.tenant or known["tenants"].get(wanted)
if tenant is None:
    fail(f"Subscription '{{wanted}}' not found. Check the spelling and casing and try again.")
print(json.dumps({{
    "accessToken": known["tokens"][tenant][asked.resource],
    "expires_on": int(time.time()) + 3600,
    "tenant": tenant,
}}))
"""


@dataclass(frozen=True)
class AzureCli:
    """A folder with `az`, and what it was asked."""

    folder: Path

    @property
    def asked(self) -> list[dict[str, str | None]]:
        """Return the options of each call, in order."""
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]


def signed_in(
    emulator: Emulator, folder: Path, monkeypatch: pytest.MonkeyPatch, *, knows: bool = True
) -> AzureCli:
    """Sign in with `az` alone: at first into another tenant, whose subscription is the default,
    and, if it `knows` it, into the tenant of the stand-in's subscription.
    """
    cloud = emulator.cloud
    _, other_tenant = cloud.tokens.tenants
    own = {cloud.subscription: cloud.application.tenant} if knows else {}
    tenants = {OTHER_SUBSCRIPTION: other_tenant, **own}
    resources = (addresses.MANAGEMENT, addresses.ML_RESOURCE, *STORAGE_AUDIENCES)
    known = {
        "default": OTHER_SUBSCRIPTION,
        "tenants": tenants,
        "tokens": {
            tenant: {
                resource: cloud.tokens.issue(resource, tenant=tenant) for resource in resources
            }
            for tenant in tenants.values()
        },
    }
    folder.mkdir(parents=True)
    (folder / "known.json").write_text(json.dumps(known))
    program = folder / "az"
    text = _AZ.format(
        python=sys.executable, known=str(folder / "known.json"), log=str(folder / "log")
    )
    program.write_text(text)
    program.chmod(0o755)
    for variable in _other_ways(os.environ):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "dev")  # no look for a managed identity
    return AzureCli(folder)


def _other_ways(variables: Mapping[str, str]) -> list[str]:
    ways = ("AZURE_CLIENT_", "AZURE_TENANT_", "ARM_CLIENT_", "ARM_TENANT_", "ARM_USE_", "ARM_OIDC_")
    return [name for name in variables if name.startswith(ways)]
