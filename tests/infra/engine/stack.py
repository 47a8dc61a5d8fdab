"""A stack of the infra program on the stand-in cloud, run by the real Pulumi command line."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from tests.emulator import Emulator
from tests.infra.pinning import pin_stacks

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "pulumi"
# The stand-ins for plugins, and the modules that serve them.
PLUGINS = {
    "pulumi-resource-azure-native": "tests.emulator.azure_native",
    "pulumi-resource-databricks": "tests.emulator.databricks_plugin",
}
POLICIES = ("--policy-pack", "infra/policies")

_SECONDS = 300
_PLAIN = ("--non-interactive", "--color", "never")
_SALT = "encryptionsalt"


class Unavailable(Exception):
    """There is no Pulumi command line here, and none could be built."""


@dataclass(frozen=True)
class Run:
    """The end of a command, and what it said."""

    status: int
    output: str  # what it printed; only a preview's and a query's JSON is worth reading by machine
    log: str

    @property
    def text(self) -> str:
        """Return everything it said."""
        return self.output + self.log


@dataclass(frozen=True)
class Step:
    """A step of a preview for one resource. `changes`: path -> kind, as the provider says."""

    op: str
    urn: str
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def type(self) -> str:
        """Return the resource's type, e.g. `azure-native:machinelearningservices:BatchEndpoint`."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """Return the resource's name in the program."""
        return self.urn.split("::")[3]


@dataclass(frozen=True)
class Preview:
    """The steps that `pulumi preview` says would happen, and how Pulumi writes the changes."""

    steps: Sequence[Step]
    log: str

    @property
    def changed(self) -> list[Step]:
        """Return the steps that do something."""
        return [step for step in self.steps if step.op not in ("same", "read", "refresh")]


class CommandFailed(AssertionError):
    """A command that should have succeeded did not."""


@dataclass
class Stack:
    """One stack in a project folder of its own. Made by `make_stack`.

    Commands raise `CommandFailed` unless they are called with `check=False`.
    """

    folder: Path
    name: str
    environment: Mapping[str, str] = field(repr=False)

    def up(self, *options: str, check: bool = True) -> Run:
        """Deploy, without a preview before."""
        return self._change("up", *options, check=check)

    def destroy(self, *options: str, check: bool = True) -> Run:
        """Delete everything."""
        return self._change("destroy", *options, check=check)

    def preview(self, *options: str) -> Preview:
        """Say what `up` would do, resource by resource."""
        run = self.run("preview", "--json", *options)
        steps = [
            Step(
                step["op"],
                step["urn"],
                {path: change["kind"] for path, change in (step.get("detailedDiff") or {}).items()},
            )
            for step in json.loads(run.output).get("steps", [])
        ]
        return Preview(steps, run.log)

    def shown(self, *options: str, check: bool = True) -> Run:
        """Preview as a person or a pull request's comment sees it, with every changed value."""
        return self.run("preview", "--diff", *options, check=check)

    def outputs(self) -> dict[str, Any]:
        """Return the stack's outputs, secrets hidden."""
        return dict(json.loads(self.run("stack", "output", "--json").output))

    def state(self) -> dict[str, Any]:
        """Return the state as it is stored: secrets are encrypted in it."""
        return dict(json.loads(self.run("stack", "export").output))

    def put_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state with one that was exported, and may have been changed."""
        file = self.folder / "state.json"
        file.write_text(json.dumps(state))
        self.run("stack", "import", "--file", str(file))

    def resources(self, type_: str = "") -> list[dict[str, Any]]:
        """Return the resources in the state, of one type or all."""
        found = self.state()["deployment"].get("resources", [])
        return [resource for resource in found if type_ in ("", resource["type"])]

    def config(self) -> dict[str, Any]:
        """Return the stack file's configuration."""
        return dict(self._file().get("config") or {})

    def write(self, config: Mapping[str, Any]) -> None:
        """Replace the stack file's configuration; what encrypts the secrets stays."""
        kept = {name: value for name, value in self._file().items() if name == _SALT}
        self.path.write_text(yaml.safe_dump({**kept, "config": dict(config)}, sort_keys=False))

    @property
    def path(self) -> Path:
        """Return the stack file."""
        return self.folder / f"Pulumi.{self.name}.yaml"

    def run(self, *arguments: str, check: bool = True) -> Run:
        """Run any command of Pulumi's on this stack."""
        done = subprocess.run(
            ["pulumi", *arguments, *_PLAIN],
            cwd=self.folder,
            env={**self.environment, "PULUMI_STACK": self.name},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        run = Run(done.returncode, done.stdout, done.stderr)
        if check and run.status:
            raise CommandFailed(
                f"pulumi {' '.join(arguments)} ended with {run.status}:\n{run.text}"
            )
        return run

    def _change(self, command: str, *options: str, check: bool) -> Run:
        return self.run(command, "--yes", "--skip-preview", *options, check=check)

    def _file(self) -> dict[str, Any]:
        return yaml.safe_load(self.path.read_text()) or {} if self.path.exists() else {}


@dataclass(frozen=True)
class Pulumi:
    """A Pulumi command line with the stand-in providers beside it, apart from the user's own."""

    path: str  # what PATH has to begin with
    home: Path
    state: Path
    passphrase: str = field(repr=False)

    @classmethod
    def find(cls, folder: Path, *, build: bool = False) -> Self:
        """Find the command line; it is built where there is none, if that is asked for, or in CI.

        Raises `Unavailable`.
        """
        # A build of minutes is nothing to begin unasked.
        how = "--where" if build or os.environ.get("CI") == "true" else "--find"
        done = subprocess.run(
            [SCRIPT, how],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            raise Unavailable(done.stderr.strip().splitlines()[-1])
        plugins, state = folder / "plugins", folder / "state"
        plugins.mkdir(parents=True)
        state.mkdir()
        for name, module in PLUGINS.items():
            start = f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m {module}'
            (plugins / name).write_text(f"#!/bin/sh\n{start}\n")
            (plugins / name).chmod(0o755)
        path = os.pathsep.join((str(plugins), done.stdout.strip()))
        return cls(path, folder / "home", state, secrets.token_urlsafe(16))

    def environment(self, emulator: Emulator) -> dict[str, str]:
        """Return the environment variables of a command, whose cloud is the stand-in."""
        ours = ("PULUMI_", "ARM_", "AZURE", "DATABRICKS", "GITHUB_", "GIT_", "BUILD_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            **emulator.environment,
            "GIT_COMMIT": "0" * 40,  # the project's copy is no checkout
            "PATH": os.pathsep.join((self.path, str(Path(sys.prefix) / "bin"), kept["PATH"])),
            "PULUMI_BACKEND_URL": self.state.as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase,
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_HOME": str(self.home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }


def make_project(folder: Path, *, pinned: bool = True, refreshing: bool = False) -> Path:
    """Make a project folder with the program and the declarations of this one.

    Its models, the project file and the stack files are copies, to be changed at will. `pinned`:
    the stack files are as they are once models are registered, and not as they begin.
    `refreshing`: every command refreshes first, as the project file has it. That takes twice the
    time, and sees the same where nobody else changes the cloud.
    """
    folder.mkdir(parents=True)
    (folder / "infra").symlink_to(ROOT / "infra")
    # The policy pack names the project's virtual environment; the tests' own has everything.
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copytree(ROOT / "models", folder / "models")
    for file in ROOT.glob("Pulumi.*.yaml"):
        shutil.copy(file, folder)
    if pinned:
        pin_stacks(folder)
    # A default that no stack file has: the stand-in's roles hold at once.
    settled = "\nconfig:\n  roleSettlingSeconds: {type: integer, default: 0}\n"
    project, options, more = (ROOT / "Pulumi.yaml").read_text().partition("options:\n")
    assert options
    (folder / "Pulumi.yaml").write_text(project + (options + more if refreshing else "") + settled)
    return folder


def make_stack(
    pulumi: Pulumi,
    emulator: Emulator,
    project: Path,
    name: str,
    config: Mapping[str, Any] | None = None,
) -> Stack:
    """Begin a stack in a project folder, with the configuration of its file or with another.

    Its state lies in that folder, so that stacks of one name don't meet.
    """
    state = project / "state"
    state.mkdir(exist_ok=True)
    environment = {**pulumi.environment(emulator), "PULUMI_BACKEND_URL": state.as_uri()}
    stack = Stack(project, name, environment)
    stack.run("stack", "init", name)
    if config is not None:
        stack.write(config)
    return stack
