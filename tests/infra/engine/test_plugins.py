"""The plugins of providers where Pulumi's own server is out of reach, on the real command line."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.infra.engine.stack import ROOT, SCRIPT, Pulumi

VERSION = version("pulumi-azure-native")
BLOCKS = re.findall(
    r"^```bash\n(.*?)^```$", (ROOT / "docs/guides/gitops.md").read_text(), re.M | re.S
)
(INSTALL,) = [text for text in BLOCKS if "plugin install" in text]
(OVERRIDE,) = [text for text in BLOCKS if "URL_OVERRIDES" in text]


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """Provide a folder with the archives of a plugin for this machine and the documented one."""
    plugin = tmp_path / "pulumi-resource-azure-native"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    folder = tmp_path / "archives"
    folder.mkdir()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    for kind in {f"linux-{machine}", "linux-amd64"}:
        with tarfile.open(folder / f"{plugin.name}-v{VERSION}-{kind}.tar.gz", "w:gz") as archive:
            archive.add(plugin, plugin.name)
    return folder


@pytest.fixture
def server(archives: Path) -> Iterator[str]:
    """Provide the address of a server that has the archives."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(archives))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def run(command: str, folder: Path, pulumi: Pulumi) -> list[str]:
    """Run a command and give the plugins that there are in the home of the command line then."""
    (folder / "scripts").mkdir(exist_ok=True)
    (folder / "scripts" / "pulumi").symlink_to(SCRIPT)
    home = folder / "home"
    environment = {**os.environ, "PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    environment["PATH"] = f"{pulumi.path}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return sorted(path.name for path in (home / "plugins").iterdir() if path.is_dir())


def test_a_plugin_that_was_carried_over_is_installed_as_documented(
    pulumi: Pulumi, archives: Path
) -> None:
    assert f"azure-native {VERSION} " in INSTALL
    assert run(INSTALL, archives, pulumi) == [f"resource-azure-native-v{VERSION}"]


def test_a_server_of_ones_own_has_the_plugins_as_documented(
    pulumi: Pulumi, server: str, tmp_path: Path
) -> None:
    there = OVERRIDE.replace("https://files.example.com", server)
    install = f"{there}scripts/pulumi plugin install resource azure-native {VERSION}"
    assert run(install, tmp_path, pulumi) == [f"resource-azure-native-v{VERSION}"]
