from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.declarations import Catalog, read_catalog
from runner.errors import NotFound, WrongUsage
from runner.invocation.request import choose_endpoint, default_endpoint
from runner.local.endpoints import DeclaredEndpoints
from tests.projects import ScratchProject

Declare = Callable[..., Catalog]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Declare batch endpoints of these names, and an online one."""

    def declare(*names: str, default: str | None = None) -> Catalog:
        folder = tmp_path / "models" / "m"
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"endpoint-{name}.yml").write_text(
                "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\n"
                f"name: {name}\n"
            )
        (folder / "online-endpoint.yml").write_text(
            "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json"
            "\nname: online\n"
        )
        if default:
            (tmp_path / "Pulumi.local.yaml").write_text(
                f"config:\n  scoring:defaultEndpoint: {default}\n"
            )
        return catalog_of(tmp_path)

    return declare


def catalog_of(root: Path) -> Catalog:
    from runner.declarations import lay_over, read_stack

    catalog, stack = read_catalog(root / "models"), root / "Pulumi.local.yaml"
    return lay_over(catalog, read_stack(stack)) if stack.exists() else catalog


def test_the_only_batch_endpoint_is_the_default(declare: Declare) -> None:
    catalog = declare("one")
    assert default_endpoint(DeclaredEndpoints(catalog)) == "one"
    assert choose_endpoint(None, DeclaredEndpoints(catalog)) == "one"


def test_the_stacks_default_wins(declare: Declare) -> None:
    catalog = declare("one", "two", default="two")
    assert default_endpoint(DeclaredEndpoints(catalog)) == "two"
    assert choose_endpoint(None, DeclaredEndpoints(catalog)) == "two"
    assert choose_endpoint("one", DeclaredEndpoints(catalog)) == "one"


def test_of_several_one_must_be_named(declare: Declare) -> None:
    catalog = declare("one", "two")
    assert default_endpoint(DeclaredEndpoints(catalog)) is None
    with pytest.raises(WrongUsage, match="name the endpoint to use: one, two"):
        choose_endpoint(None, DeclaredEndpoints(catalog))


def test_without_a_batch_endpoint_there_is_no_default(declare: Declare) -> None:
    catalog = declare()
    assert default_endpoint(DeclaredEndpoints(catalog)) is None
    with pytest.raises(NotFound, match=r"is declared under .*; `runner init NAME --model FO"):
        choose_endpoint(None, DeclaredEndpoints(catalog))


def test_an_online_or_unknown_endpoint_cannot_be_chosen(declare: Declare) -> None:
    catalog = declare("one")
    with pytest.raises(WrongUsage, match="'online' is an online endpoint"):
        choose_endpoint("online", DeclaredEndpoints(catalog))
    with pytest.raises(NotFound, match="no batch endpoint 'onee'; did you mean 'one'"):
        DeclaredEndpoints(catalog).deployments("onee", None)


def test_the_only_deployment_of_an_endpoint_without_default_is_used_and_told(
    project: ScratchProject,
) -> None:
    project.write(
        "models/echo/batch-endpoint.yml",
        "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\n"
        "name: echo\n",
    )
    done = project.run("score", "-o", "json")
    assert done.returncode == 0
    assert "endpoint 'echo' has no default deployment; its only one, 'main', is used" in done.stderr
    text = (project.root / "models/echo/batch-deployment.yml").read_text()
    project.write("models/echo/other.yml", text.replace("name: main", "name: other"))
    assert "name one with --deployment (main, other)" in project.run("score").stderr
