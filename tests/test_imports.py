"""Which module may import which: arrows point down, and none goes round."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINES = ("runner.engine", "runner.local.serving")
ADAPTERS = ("runner.azureml", "runner.databricks", "runner.local")
# What everything may import: facts and rules that know nothing of an environment.
LEAVES_OF_ENGINES = (
    "runner.bounded_yaml",
    "runner.counting",
    "runner.errors",
    "runner.files",
    "runner.installing",
    "runner.package_names",
    "runner.processes",
    "runner.profile",
    "runner.predictions",
    "runner.spark",
    "runner.tally",
)


@cache
def modules() -> dict[str, Path]:
    """Return every module of the product by its dotted name."""
    files = [file for package in ("runner", "infra") for file in (ROOT / package).rglob("*.py")]
    return {_name(file): file for file in files}


def _name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imports(module: str) -> frozenset[str]:
    """Return the product's modules that a module imports, anywhere in it, for its types too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(modules()[module].read_bytes())):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{name.name}" for name in node.names}
            below = inside & modules().keys()
            found.update(below or {node.module})
            if below != inside:
                found.add(node.module)
    return frozenset((found & modules().keys()) - {module})


def within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def arrows() -> Iterator[tuple[str, str]]:
    for module in modules():
        for imported in imports(module):
            yield module, imported


def test_no_imports_go_round() -> None:
    done: set[str] = set()
    trail: list[str] = []

    def visit(module: str) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module in done:
            return
        trail.append(module)
        for imported in sorted(imports(module)):
            visit(imported)
        done.add(trail.pop())

    for module in sorted(modules()):
        visit(module)


def _all_but(adapter: str) -> tuple[str, ...]:
    """Return what an adapter may not import: the others, and the layers above it."""
    others = tuple(other for other in ADAPTERS if other != adapter)
    return (*others, "runner.cli", "infra", "runner.environments")


@pytest.mark.parametrize(
    ("package", "forbidden", "but"),
    [
        # A command calls the workspace; which adapter that is only `environments` knows.
        ("runner.cli", (*ADAPTERS, "runner.azure", "runner.engine"), ()),
        *((adapter, _all_but(adapter), ()) for adapter in ADAPTERS),
        ("runner.azure", ("runner.workspace", "runner.declarations", "runner.engine"), ()),
        ("runner.azure", (*ADAPTERS, "runner.cli", "infra", "runner.environments"), ()),
        ("runner.remote", (*ADAPTERS, "runner.azure", "runner.cli", "infra"), ()),
        ("runner.declarations", ("runner.workspace", "runner.engine", *ADAPTERS), ()),
        ("runner.venvs", (*ADAPTERS, "runner.cli", "runner.workspace", "infra"), ()),
        ("runner.workspace", ("runner.declarations", "runner.engine", *ADAPTERS), ()),
        (
            "infra",
            ("runner",),
            (
                "runner.azure",
                "runner.azure_executor",
                "runner.clouds",
                "runner.commit",
                "runner.declarations",
                "runner.errors",
                "runner.project",
                "runner.serving_record",
                "runner.short_paths",
            ),
        ),
    ],
)
def test_arrows_point_down(package: str, forbidden: tuple[str, ...], but: tuple[str, ...]) -> None:
    wrong = [
        f"{module} -> {imported}"
        for module, imported in arrows()
        if within(module, package)
        and within(imported, *forbidden)
        and not within(imported, *but)
        and imported != "runner"  # the package itself, which only says its version
    ]
    assert wrong == []


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_knows_no_command_line_no_registry_and_no_cloud(engine: str) -> None:
    # A scoring script runs under a package of Azure's.
    served = ("runner.azure_executor",) if engine == "runner.local.serving" else ()
    allowed = (*ENGINES, *LEAVES_OF_ENGINES, *served)
    wrong = [
        f"{module} -> {imported}"
        for module, imported in arrows()
        if within(module, engine) and not within(imported, *allowed)
    ]
    assert wrong == []
