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
from runner.package_names import normal
from runner.venvs.conda_packages import pypi_name
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.python_version import version_in
from runner.venvs.requirements_file import Line, read_requirements, with_requirements

_BUILD_TOOLS: Final = frozenset({"setuptools", "wheel"})

_SPEC = re.compile(
    r"(?:[^\s\[\]]+::)?(?P<name>[A-Za-z0-9_.-]+?)\s*(?P<version>(?:[=<>!~]|\s[\d*])[^\[\]]*)?"
)
_RANGE = re.compile(r"(?:<=|>=|==|!=|~=|<|>)\s*[^\s,|]+(?:,(?:<=|>=|==|!=|~=|<|>)\s*[^\s,|]+)*")


def read_conda(content: MappingNode, source: str) -> DeclaredEnvironment:
    """Return the environment that a conda file's content declares.

    Raises DeclarationError for what is no list of packages, and for a version that can't be read.
    """
    python: str | None = None
    tools: list[str] = []
    only_conda: list[str] = []
    own: list[Line] = []
    pip: list[Line] = []
    for node in list_of_packages(content.entries.get("dependencies"), "dependencies"):
        if isinstance(node, MappingNode):
            pip += _pip_lines(node)
            continue
        text = read_str(node, "dependencies")
        name, version = _spec(text, node.place)
        if name == "python":
            python = version_in(version) if version else None
            if version and python is None:
                allowed = f"found {shown(text)}, allowed: python=3.10"
                raise refusal(node.place, "dependencies", allowed)
        elif name == "pip":
            continue
        elif name in _BUILD_TOOLS:
            tools.append(_requirement(name, version, text, node.place))
        elif (known := pypi_name(name)) is None:
            only_conda.append(text)
        elif known:
            own.append(Line(_requirement(known, version, text, node.place), node.place))
    declared = DeclaredEnvironment(
        source=source,
        python=python,
        build_tools=tuple(tools),
        conda=plain(content),
        from_conda=tuple(line.text for line in own),
        only_conda=tuple(only_conda),
    )
    return with_requirements(declared, read_requirements([*own, *pip]))


def list_of_packages(node: Node | None, key: str) -> tuple[Node, ...]:
    """Return the items of a list that may be left out or null. Raises DeclarationError."""
    if node is None or (isinstance(node, ScalarNode) and node.kind == "null"):
        return ()
    if not isinstance(node, ListNode):
        raise refusal(node.place, key, f"found {describe(node)}, allowed: a list of packages")
    return node.items


def _pip_lines(node: MappingNode) -> Iterator[Line]:
    for key, value in node.entries.items():
        if key != "pip":
            text = f"found the key {shown(key)}, allowed: pip, or packages as text"
            raise refusal(node.key_places[key], "dependencies", text)
        for item in list_of_packages(value, "dependencies"):
            if text := read_str(item, "dependencies.pip").strip():
                yield Line(text, item.place)


def _spec(text: str, place: Place) -> tuple[str, str]:
    """Return the name in a match specification, and its version condition in the form `=1.2`,
    `==1.2.3` or `>=1,<2`: without blanks and build string. Empty where any version will do."""
    found = _SPEC.fullmatch(text.strip())
    if found is None:
        raise refusal(place, "dependencies", f"found {shown(text)}, allowed: name=version")
    version = (found["version"] or "").strip()
    if version[:1].isdigit() or version.startswith("*"):  # `name 1.2 build`
        version = version.split()[0]
        version = f"={version}" if version.endswith("*") else f"=={version}"
    version = re.sub(r"\s+", "", version)
    with_build = re.fullmatch(r"=?=([^=<>,|]+)=[^=<>,|]+", version)
    if with_build:
        version = f"=={with_build[1]}"
    if version.startswith("==") and version.endswith("*"):
        version = version[1:]
    return normal(found["name"]), "" if version in ("=*", "*") else version


def _requirement(name: str, version: str, text: str, place: Place) -> str:
    """Return a package with conda's version condition, as pip takes it."""
    fuzzy = re.fullmatch(r"=([\w.]*\w)(?:\.\*|\*)?", version)
    if fuzzy:  # every version that begins with this one
        return f"{name}=={fuzzy[1]}.*"
    if not version or _RANGE.fullmatch(version):
        # conda takes `>=1.2.*` for `>=1.2`.
        return name + re.sub(r"(>=|<=|<|>)([\w.]+?)\.\*", r"\1\2", version)
    raise refusal(
        place,
        "dependencies",
        f"found {shown(text)}, whose version can't be asked of PyPI, allowed: name=1.2, name>=1.2",
    )
