from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused, NotFound
from runner.installing import installed_by
from runner.stacks.pulumi_cli import read_stack_output
from tests.projects import ROOT

OUTPUT = {
    "schema_version": 1,
    "subscription_id": "s",
    "resource_group": "rg",
    "workspace": "ws",
    "location": "koreacentral",
}


@pytest.fixture(scope="module")
def pulumi() -> str:
    """Return the folder of a real Pulumi CLI."""
    if not (os.environ.get("CI") or shutil.which("pulumi") or shutil.which("go")):
        pytest.skip("there is neither Pulumi nor Go to build it with")
    found = subprocess.run(
        [ROOT / "scripts" / "pulumi", "--where"], capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory, pulumi: str) -> Iterator[Path]:
    """Yield a project's folder; its state is a folder too, with the stacks `prod` and `dev`."""
    folder = tmp_path_factory.mktemp("pulumi")
    (folder / "state").mkdir()
    project = folder / "project"
    project.mkdir()
    (project / "Pulumi.yaml").write_text("name: scoring\nruntime: python\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{pulumi}{os.pathsep}{os.environ['PATH']}")
        patch.setenv("PULUMI_HOME", str(folder / "home"))
        patch.setenv("PULUMI_BACKEND_URL", f"file://{folder / 'state'}")
        patch.setenv("PULUMI_CONFIG_PASSPHRASE", "")
        patch.delenv("PULUMI_ACCESS_TOKEN", raising=False)
        deploy(project, "prod", {"runner": {**OUTPUT, "workspace": "other"}})
        deploy(project, "dev", {"runner": OUTPUT})
        yield project


def deploy(project: Path, stack: str, outputs: Mapping[str, object]) -> None:
    """Make a stack's state say what it would after `pulumi up`."""
    name = f"{project.name}-{stack}"
    resource = {
        "urn": f"urn:pulumi:{stack}::scoring::pulumi:pulumi:Stack::{name}",
        "custom": False,
        "type": "pulumi:pulumi:Stack",
        "outputs": outputs,
    }
    manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""}
    state = {"version": 3, "deployment": {"manifest": manifest, "resources": [resource]}}
    for words, given in ((["init", stack], ""), (["import", "--stack", stack], json.dumps(state))):
        subprocess.run(
            ["pulumi", "stack", *words, "--non-interactive"],
            cwd=project,
            input=given,
            text=True,
            check=True,
            capture_output=True,
            timeout=60,
        )


def test_the_output_is_read_from_the_state_and_no_stack_gets_selected(state: Path) -> None:
    assert read_stack_output(state, "prod") == {**OUTPUT, "workspace": "other"}
    selected = subprocess.run(
        ["pulumi", "stack", "--show-name"],
        cwd=state,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert selected.stdout.strip() == "dev"


def test_a_stack_that_is_not_there_is_not_found(state: Path) -> None:
    with pytest.raises(NotFound, match=r"no stack staging .*`pulumi stack init staging`"):
        read_stack_output(state, "staging")


def test_a_stack_that_was_never_deployed_says_so(state: Path) -> None:
    command = ["pulumi", "stack", "init", "new", "--no-select", "--non-interactive"]
    subprocess.run(command, cwd=state, check=True, capture_output=True, timeout=60)
    with pytest.raises(EnvironmentRefused, match=r"no output `runner` yet.*pulumi up --stack new"):
        read_stack_output(state, "new")


def test_a_state_that_nobody_is_signed_in_to_says_so(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    with pytest.raises(EnvironmentRefused, match=r"not signed in .*`pulumi login`"):
        read_stack_output(state, "dev")


def test_a_state_that_is_gone_is_told_in_pulumis_words(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{state}/nowhere")
    with pytest.raises(EnvironmentRefused, match=r"can't read stack dev: .*nowhere") as refused:
        read_stack_output(state, "dev")
    assert "\n" not in str(refused.value)


def test_without_the_package_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pulumi.automation", None)
    command = installed_by("pulumi", group="azure")
    with pytest.raises(EnvironmentRefused, match=re.escape(f"{command}, or give its output")):
        read_stack_output(tmp_path, "dev")


def test_without_the_cli_the_way_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentRefused, match=r"not on PATH; install it, or .* --stack-output"):
        read_stack_output(tmp_path, "dev")


def test_the_cli_that_the_project_has_built_will_do(
    state: Path, pulumi: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = state / "scripts" / "pulumi"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\n[ "$1" = --find ] && echo "{pulumi}"\n')
    script.chmod(0o755)
    folders = os.environ["PATH"].split(os.pathsep)
    others = [folder for folder in folders if not (Path(folder) / "pulumi").exists()]
    monkeypatch.setenv("PATH", os.pathsep.join(others))
    assert read_stack_output(state, "dev") == OUTPUT


def test_a_cli_that_the_project_can_build_is_named_as_a_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "scripts" / "pulumi"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentRefused, match=r"run `scripts/pulumi version` once, which"):
        read_stack_output(tmp_path, "dev")
