"""The pack over everything that the project's own stacks declare."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.policies.__main__ import RULES
from infra.policies.network import DOORS
from tests.infra.mocks import COMMIT, copy_project, run_program
from tests.infra.policies.ask import ask


def violations(root: Path, stack: str, *, preview: bool = False, commit: str = COMMIT) -> set[str]:
    """Return the names of the rules that a stack breaks, each with the resource that does."""
    program = run_program(root, stack, preview=preview, environment={"GIT_COMMIT": commit})
    assert program.error is None
    assert len(program.resources) > 20
    return {
        f"{rule.name}: {resource.name}"
        for resource in program.resources
        for rule in RULES
        if ask(
            rule,
            resource.urn.split("::")[2].rpartition("$")[2],
            dict(resource.inputs),
            name=resource.name,
            stack=stack,
        )
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


def change(root: Path, stack: str, old: str, new: str) -> None:
    file = root / f"Pulumi.{stack}.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize("stack", ["dev", "prod", "lake"])
def test_the_projects_own_stacks_break_no_rule(project: Path, stack: str, preview: bool) -> None:
    assert violations(project, stack, preview=preview) == set()


def test_production_without_isolation_is_open_in_every_service(project: Path) -> None:
    change(project, "prod", "scoring:isolation: managed", "scoring:isolation: none")
    change(project, "prod", "scoring:outbound: [python-packages, conda]", "scoring:generation: a")
    change(project, "prod", "public_network_access: disabled", "public_network_access: enabled")
    broken = violations(project, "prod")
    assert {line.partition(":")[0] for line in broken} == {"production-has-no-public-network"}
    assert len(broken) == len(DOORS), broken


@pytest.mark.parametrize(
    ("stack", "old", "new", "broken"),
    [
        (
            "prod",
            "auth_mode: aad_token",
            "auth_mode: key",
            "production-has-no-keys: diabetes-online",
        ),
        (
            "dev",
            "idle_time_before_scale_down: 120",
            "idle_time_before_scale_down: 3600",
            "clusters-scale-to-zero: cpu-cluster",
        ),
        (
            "dev",
            "size: Standard_D4ds_v4",
            "size: Standard_NC6s_v3",
            "no-gpu-unless-allowed: cpu-cluster",
        ),
        (
            "lake",
            "autotermination_minutes: 20",
            "autotermination_minutes: 45",
            "databricks-clusters-end-by-themselves: ml-cluster",
        ),
        (
            "lake",
            "scoring:catalog: lake",
            "scoring:catalog: lake\n  scoring:production: true",
            "databricks-serving-scales-to-zero: predict-penguin",
        ),
    ],
)
def test_what_a_stack_file_breaks_is_named_by_the_key_it_stands_under(
    project: Path, stack: str, old: str, new: str, broken: str
) -> None:
    change(project, stack, old, new)
    assert violations(project, stack) == {broken}


def test_without_a_commit_nothing_can_be_traced(project: Path) -> None:
    broken = violations(project, "dev", commit="not a commit")
    assert {line.partition(":")[0] for line in broken} == {"resources-have-tags"}
