"""scripts/pulumi finds a command line, or builds one, once and whole."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "pulumi"
MODULE = ROOT / "scripts" / "pulumi-cli"
TOOLS = (
    *("awk", "bash", "cat", "chmod", "cksum", "dirname", "env", "flock"),
    *("install", "mkdir", "mktemp", "rm", "sleep"),
)

# Builds nothing: writes what a build would, slowly enough for another one to begin meanwhile.
GO = """#!/usr/bin/env bash
set -e
echo "$1" >> "$FAKE/calls"
if [[ "$1" == list ]]; then echo "$FAKE/sdk"; exit; fi
[[ -z "${BROKEN:-}" ]] || { echo "no such module" >&2; exit 1; }
while [[ "$1" != -o ]]; do shift; done
sleep 0.2
for name in pulumi pulumi-language-python; do
    printf '#!/bin/sh\\necho built "$@"\\n' > "$2$name"; chmod +x "$2$name"
done
"""


@dataclass(frozen=True)
class Machine:
    """A machine with a few tools and a folder for what is installed."""

    bin: Path
    cache: Path
    fake: Path

    def install(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": str(self.bin),
            "XDG_CACHE_HOME": str(self.cache),
            "FAKE": str(self.fake),
        }
        return subprocess.Popen(
            [SCRIPT, *arguments],
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **variables)
        output, log = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, output, log)

    def builds(self) -> int:
        """Return the number of builds that were begun."""
        calls = self.fake / "calls"
        return calls.read_text().split().count("build") if calls.exists() else 0

    def kept(self) -> list[Path]:
        """Return the files in the cache, but for locks."""
        return [path for path in self.cache.glob("*/pulumi-cli/*") if path.suffix != ".lock"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path / "bin", tmp_path / "cache", tmp_path / "fake")
    machine.bin.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (machine.bin / tool).symlink_to(found)
    (machine.bin / "python3").symlink_to(sys.executable)
    for name in ("cmd/pulumi-language-python-exec", "dist/pulumi-resource-pulumi-python"):
        file = machine.fake / "sdk" / "python" / name
        file.parent.mkdir(parents=True)
        file.touch()
    return machine


def test_an_installed_command_line_is_used_with_its_arguments(machine: Machine) -> None:
    machine.install("pulumi", '#!/bin/sh\necho installed "$@"\n')
    machine.install("pulumi-language-python", "#!/bin/sh\n")
    assert machine.run("up", "--stack", "a b").stdout == "installed up --stack a b\n"
    assert machine.run("--where").stdout == f"{machine.bin}\n"
    assert machine.kept() == []


def test_one_without_a_host_for_python_is_not_used(machine: Machine) -> None:
    machine.install("pulumi", "#!/bin/sh\necho installed\n")
    machine.install("go", GO)
    assert machine.run("version").stdout == "built version\n"


def test_it_does_not_take_itself_for_an_installed_one(machine: Machine) -> None:
    (machine.bin / "pulumi").symlink_to(SCRIPT)
    machine.install("pulumi-language-python", "#!/bin/sh\n")
    machine.install("go", GO)
    assert machine.run("version").stdout == "built version\n"


def test_it_builds_once_and_tells_where(machine: Machine) -> None:
    machine.install("go", GO)
    first, second = machine.run("--where"), machine.run("--where")
    assert first.stdout == second.stdout
    assert "building Pulumi" in first.stderr
    assert second.stderr == ""
    assert machine.builds() == 1
    assert {path.name for path in Path(first.stdout.strip()).iterdir()} == {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    }


def test_two_at_once_do_not_collide(machine: Machine) -> None:
    machine.install("go", GO)
    processes = [machine.start("version") for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["built version\n"] * 3
    assert len(machine.kept()) == 1


def test_two_at_once_do_not_collide_where_there_are_no_locks(machine: Machine) -> None:
    (machine.bin / "flock").unlink(missing_ok=True)
    machine.install("go", GO)
    processes = [machine.start("version") for _ in range(3)]
    assert [process.communicate(timeout=60)[0] for process in processes] == ["built version\n"] * 3
    assert len(machine.kept()) == 1


def test_a_build_that_fails_says_why_and_leaves_nothing(machine: Machine) -> None:
    machine.install("go", GO)
    failed = machine.run("version", BROKEN="yes")
    assert failed.returncode == 1
    assert "no such module" in failed.stderr
    assert machine.kept() == []
    assert machine.run("version").stdout == "built version\n"


def test_without_go_one_line_says_what_to_install(machine: Machine) -> None:
    missing = machine.run("version")
    assert missing.returncode == 1
    assert missing.stderr.count("\n") == 1
    assert "install the Pulumi CLI, or Go 1." in missing.stderr
    assert machine.kept() == []


def test_what_it_builds_is_of_the_locked_sdks_version() -> None:
    required = dict(
        re.findall(r"pulumi/pulumi/(pkg|sdk)/v3 v(\S+)", (MODULE / "go.mod").read_text())
    )
    locked = re.search(
        r"^pulumi==(\S+)", (ROOT / "requirements" / "pulumi.txt").read_text(), re.MULTILINE
    )
    assert locked is not None
    assert required == {"pkg": locked.group(1), "sdk": locked.group(1)}


def test_to_find_one_begins_no_build(machine: Machine) -> None:
    machine.install("go", GO)
    missing = machine.run("--find")
    assert missing.returncode == 1
    assert "run scripts/pulumi once" in missing.stderr
    assert machine.builds() == 0
    machine.run("--where")
    assert machine.run("--find").stdout == machine.run("--where").stdout


def test_the_module_repeats_the_replacements_that_pulumi_builds_with() -> None:
    assert "replace github.com/atotto/clipboard" in (MODULE / "go.mod").read_text()
    assert os.access(SCRIPT, os.X_OK)
