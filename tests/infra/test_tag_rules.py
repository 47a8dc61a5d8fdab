"""A stack's own tags: which ones Azure takes, and where they go."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.infra.mocks import run_program
from tests.infra.pinning import pinned_config

TAGS = "scoring:tags"
UNTAGGED = ("authorization:", "monitor:DiagnosticSetting", "consumption:", "storage:Blob")


def written(name: str, **tags: str) -> str:
    return yaml.safe_dump({"config": {**pinned_config(name), TAGS: tags}})


@pytest.mark.parametrize("stack", ["dev", "lake"])
def test_own_tags_are_on_everything_that_takes_tags(project: Path, stack: str) -> None:
    program = run_program(project, stack, written(stack, cost_center="4711", owner="ml"))
    assert program.error is None
    tagged = [resource for resource in program.azure if "tags" in resource.inputs]
    assert len(tagged) > 5 if stack == "dev" else tagged
    for resource in tagged:
        tags = resource.inputs["tags"]
        assert (tags["cost_center"], tags["owner"]) == ("4711", "ml"), resource.name
        assert (tags["project"], tags["environment"]) == ("scoring", stack), resource.name
    for resource in program.lake:
        if resource.kind == "lake:Cluster":
            assert resource.inputs["customTags"]["owner"] == "ml"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("Commit", "x", "is a tag that every deployment sets itself, allowed: any but commit, "),
        ("model", "x", "is a tag that every deployment sets itself"),
        ("a/b?", "x", "found '/', '?' in the name, allowed: none of <>%&\\?/"),
        ("n" * 129, "x", "has a name of 129 characters, allowed: 1 to 128"),
        ("owner", "x" * 257, "has a value of 257 characters, allowed: at most 256"),
        ("Microsoft-x", "x", "is a name that Azure keeps, allowed: none that begins with azure, "),
    ],
)
def test_a_tag_that_azure_or_this_program_keeps_is_refused(
    project: Path, name: str, value: str, problem: str
) -> None:
    program = run_program(project, "dev", written("dev", **{name: value}))
    assert program.resources == ()
    assert program.error is not None
    assert f"{TAGS}.{name}: {problem}" in program.error


def test_the_same_name_twice_and_too_many_are_refused_where_they_stand(project: Path) -> None:
    program = run_program(project, "dev", written("dev", Owner="a", owner="b"))
    assert program.error is not None
    assert f"{TAGS}.owner: is the same to Azure as 'Owner'" in program.error
    many = {f"t{number}": "x" for number in range(47)}
    program = run_program(project, "dev", written("dev", **many))
    assert program.error is not None
    assert f"{TAGS}: found 47, allowed: 46 at most" in program.error
