"""The requirements of Pulumi's command line on the program's environment."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from tests.projects import ROOT


@pytest.mark.parametrize("lock", ["pulumi", "dev"])
def test_the_locked_environment_has_a_pip(lock: str) -> None:
    """Without it the command line ends: it can't discover which plugins the packages need."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    names = set(re.findall(r"^([\w-]+)==", text, re.MULTILINE))
    assert {"pip", "pulumi", "pulumi-azure-native"} <= names


def test_the_packages_are_found_as_the_command_line_looks_for_them() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format", "json"], capture_output=True, check=True
    )
    assert "pulumi_azure_native" in {
        package["name"].replace("-", "_") for package in json.loads(done.stdout)
    }
