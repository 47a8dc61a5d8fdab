"""What a call means, by the rules of every environment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runner.declarations import Catalog, read_catalog
from runner.errors import EnvironmentRefused, NotFound, RunnerError, WrongUsage
from runner.invocation.request import (
    Deployments,
    Request,
    call_settings,
    only_here,
    refuse_only_here,
    refuse_pipeline,
    resolve,
)
from runner.workspace import Invocation
from tests.projects import ScratchProject


@dataclass(frozen=True)
class Known:
    """Batch endpoints with their deployments; the first of a list is the default unless bare."""

    behind: dict[str, list[str]] = field(default_factory=lambda: {"echo": ["main", "other"]})
    bare: bool = False
    stacks: str | None = None
    none_yet = "there is none: make it"
    default_place = "somewhere"

    def names(self) -> Collection[str]:
        return self.behind.keys()

    def all_names(self) -> Collection[str]:
        return self.behind.keys()

    def chosen(self) -> str | None:
        return self.stacks

    def is_online(self, name: str) -> bool:
        return name == "online"

    def first_deployment(self, endpoint: str) -> str:
        return f"give {endpoint} one"

    def deployments(self, endpoint: str, asked: str | None) -> Deployments:
        if endpoint not in self.behind:
            raise NotFound(f"no batch endpoint {endpoint!r}")
        names = self.behind[endpoint]
        return Deployments(names, None if self.bare or not names else names[0])


@pytest.fixture
def catalog(project: ScratchProject) -> Catalog:
    return read_catalog(project.root / "models")


def meant(catalog: Catalog, known: Known, invocation: Invocation) -> Request:
    return resolve(invocation, catalog, known)


def test_a_call_that_says_nothing_means_the_defaults(catalog: Catalog) -> None:
    request = meant(catalog, Known(), Invocation())
    assert (request.endpoint, request.deployment, request.by_default) == ("echo", "main", True)
    assert request.declared == catalog.batch_deployments["echo"]["main"]
    assert (request.data, request.notices) == ("azureml:lines@latest", ())


def test_a_deployment_that_is_named_is_not_the_default(catalog: Catalog) -> None:
    for name in ("main", "other"):
        request = meant(catalog, Known(), Invocation(deployment=name))
        assert (request.deployment, request.by_default) == (name, False)


def test_the_only_deployment_without_default_is_taken_and_told(catalog: Catalog) -> None:
    request = meant(catalog, Known({"echo": ["main"]}, bare=True), Invocation())
    assert (request.deployment, request.by_default) == ("main", False)
    assert request.notices == (
        "endpoint 'echo' has no default deployment; its only one, 'main', is used",
    )


@pytest.mark.parametrize(
    ("known", "asked", "error", "said"),
    [
        (Known({}), Invocation(), NotFound, "there is none: make it"),
        (Known({"a": [], "b": []}), Invocation(), WrongUsage, "name the endpoint to use: a, b"),
        (Known(), Invocation("online"), WrongUsage, "`runner invoke online FILE`"),
        (Known(), Invocation("ecko"), NotFound, "no batch endpoint 'ecko'"),
        (Known({"echo": []}), Invocation(), EnvironmentRefused, "yet; give echo one"),
        (
            Known(bare=True),
            Invocation(),
            WrongUsage,
            r"--deployment \(main, other\), or .* somewhere$",
        ),
        (Known(), Invocation(deployment="mai"), NotFound, "did you mean 'main'"),
        (
            Known(),
            Invocation(deployment="other", mini_batch_size=2),
            WrongUsage,
            "'other' of endpoint 'echo' is not declared under models/",
        ),
    ],
)
def test_a_call_that_means_nothing_is_refused_with_the_way_out(
    catalog: Catalog, known: Known, asked: Invocation, error: type[RunnerError], said: str
) -> None:
    with pytest.raises(error, match=said):
        meant(catalog, known, asked)


def test_a_call_without_data_says_where_to_name_it(catalog: Catalog) -> None:
    with pytest.raises(WrongUsage, match="nothing says which data to score: give --data"):
        meant(Catalog(Path()), Known(), Invocation())
    assert meant(Catalog(Path()), Known(), Invocation(data="lines")).data == "lines"


def test_a_calls_settings_are_laid_over_the_declared_ones(catalog: Catalog) -> None:
    asked = Invocation(
        instance_count=3,
        settings={"settings.mini_batch_size": "7", "retry_settings.max_retries": "0"},
    )
    request = meant(catalog, Known(), asked)
    assert request.declared is not None
    assert request.declared.settings.mini_batch_size == 7
    assert request.declared.settings.retry_settings.max_retries == 0
    assert request.declared.resources.instance_count == 3
    assert request.changed == {"instance_count", "mini_batch_size", "retry_settings.max_retries"}


@pytest.mark.parametrize("key", ["mini_batch_size", "settings.mini_batch_size"])
def test_the_short_form_of_a_setting_wins_however_the_long_one_is_written(key: str) -> None:
    assert call_settings(Invocation(mini_batch_size=2, settings={key: "9"})) == {
        "mini_batch_size": "2"
    }


def test_what_only_this_machine_does_is_refused_elsewhere() -> None:
    assert only_here(Invocation(mini_batch_size=2)) == {}
    refuse_only_here(Invocation(mini_batch_size=2))
    asked = Invocation(slice_above=0)
    assert only_here(asked) == {"slice_above": 0}
    with pytest.raises(WrongUsage, match=r"^--slice-above is for this machine: .*; leave it out$"):
        refuse_only_here(asked)


def test_a_pipeline_needs_no_data_and_takes_no_settings_of_a_model(project: ScratchProject) -> None:
    project.write(
        "models/echo/steps-batch-deployment.yml",
        "name: steps\nendpoint_name: echo\ntype: pipeline\ncomponent: pipeline.yml\n",
    )
    catalog = read_catalog(project.root / "models")
    known = Known({"echo": ["steps", "main"]})
    request = meant(catalog, known, Invocation())
    assert (request.deployment, request.data, request.declared) == ("steps", "", None)
    with pytest.raises(WrongUsage, match="which this environment does not: name one of Azure ML"):
        refuse_pipeline(request)
    with pytest.raises(WrongUsage, match="runs a pipeline, whose steps have settings of their own"):
        meant(catalog, known, Invocation(mini_batch_size=1))
    refuse_pipeline(meant(catalog, known, Invocation(deployment="main", data="x")))
