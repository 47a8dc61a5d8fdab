"""Reads a conda file: its Python, its packages that PyPI has, and those that only conda has.

Source: conda's match specifications (`channel::name=version=build`, `name>=1,<2`, `name 1.*`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from runner.declarations.document import ListNode, MappingNode, Node, ScalarNode, describe, shown
from runner.declarations.problem import Place, refusal
from runner.declarations.reader import plain, read_str
from runner.venvs.conda_packages import pypi_name
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.python_version import version_in
from runner.venvs.requirements_file import Line, read_requirements, with_requirements

BUILD_TOOLS: Final = frozenset({"pip", "setuptools", "wheel"})

_SPEC = re.compile(
    r"(?:[^\s\[\]]+::)?(?P<name>[A-Za-z0-9_.-]+?)\s*"
    r"(?P<version>(?:[=<>!~]|\s[\d*]).*?)?\s*(?:\[.*\])?"
)
_RANGE = re.compile(r"(?:<=|>=|==|!=|~=|<|>)\s*[^\s,|]+(?:,(?:<=|>=|==|!=|~=|<|>)\s*[^\s,|]+)*")


def read_conda(content: MappingNode, source: str) -> DeclaredEnvironment:
    """The environment that a conda file's content declares.

    Raises DeclarationError for what is no list of packages, and for a version that can't be read.
    """
    dependencies = content.entries.get("dependencies")
    python: str | None = None
    tools: list[str] = []
    only_conda: list[str] = []
    lines: list[Line] = []
    for node in _items(dependencies):
        if isinstance(node, MappingNode):
            lines += _pip_lines(node)
            continue
        text = read_str(node, "dependencies")
        name, version = _spec(text, node.place)
        if name == "python":
            python = version_in(version or "") if version else python
            if version and python is None:
                raise refusal(
                    node.place, "dependencies", f"found {shown(text)}, allowed: python=3.10"
                )
        elif name in BUILD_TOOLS:
            tools.append(_requirement(name, version, text, node.place))
        elif (known := pypi_name(name)) is None:
            only_conda.append(text)
        elif known:
            lines.append(Line(_requirement(known, version, text, node.place), node.place))
    declared = DeclaredEnvironment(
        source=source,
        python=python,
        build_tools=tuple(tools),
        conda=plain(content),
        conda_folder=str(content.place.file.parent),
        only_conda=tuple(only_conda),
    )
    return with_requirements(declared, read_requirements(lines))


def _items(dependencies: Node | None) -> tuple[Node, ...]:
    if dependencies is None or (
        isinstance(dependencies, ScalarNode) and dependencies.kind == "null"
    ):
        return ()
    if not isinstance(dependencies, ListNode):
        text = f"found {describe(dependencies)}, allowed: a list of packages"
        raise refusal(dependencies.place, "dependencies", text)
    return dependencies.items


def _pip_lines(node: MappingNode) -> Iterator[Line]:
    for key, value in node.entries.items():
        if key != "pip":
            text = f"found the key {shown(key)}, allowed: pip, or packages as text"
            raise refusal(node.key_places[key], "dependencies", text)
        for item in _items(value):
            if text := read_str(item, "dependencies.pip").strip():
                yield Line(text, item.place)


def _spec(text: str, place: Place) -> tuple[str, str]:
    """The name in a match specification, and its version without a build string."""
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        raise refusal(place, "dependencies", f"found {shown(text)}, allowed: name=version")
    return found["name"].lower(), (found["version"] or "").strip()


def _requirement(name: str, version: str, text: str, place: Place) -> str:
    """A package with conda's version condition, as pip takes it."""
    condition = re.sub(r"\s+", "", version) if version[:1] in "=<>!~" else version.split(" ")[0]
    if not condition or condition in ("*", "=*"):
        return name
    if re.match(r"=(?!=)|[\d*]", condition):
        # `=1.2` takes every 1.2.x; what comes after a second `=` names a build.
        fuzzy, _, build = condition.removeprefix("=").partition("=")
        wanted = fuzzy.removesuffix("*").removesuffix(".")
        if re.fullmatch(r"[\w.]+", wanted):
            exact = (bool(build) and not fuzzy.endswith("*")) or fuzzy == version
            return f"{name}=={wanted}" if exact else f"{name}=={wanted}.*"
    if _RANGE.fullmatch(condition):
        # conda takes `>=1.2.*` for `>=1.2`.
        plain_range = re.sub(r"(>=|<=|<|>)([\w.]+?)\.\*", r"\1\2", condition)
        without_build = re.sub(r"(==[\w.]+)=[\w.*]+", r"\1", plain_range)
        return f"{name}{without_build}"
    raise refusal(
        place,
        "dependencies",
        f"found {shown(text)}, whose version can't be asked of PyPI, allowed: name=1.2, name>=1.2",
    )
