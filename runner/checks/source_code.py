"""Reads Python files without running them: their syntax tree and what they import."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.declarations.problem import Place

# Functions of a scoring script that are always called, so that what they import is needed.
_ALWAYS_CALLED = ("init", "run")
_BINDING = (["exec"], ["globals"], ["setattr"])  # functions that may give any name a value


@dataclass(frozen=True)
class Import:
    """A module that is imported wherever the file runs, as it is written."""

    module: str  # dotted
    names: tuple[str, ...]  # what is taken from it
    level: int  # dots in front of a relative one
    place: Place


@dataclass(frozen=True)
class Source:
    """A Python file that can be parsed."""

    path: Path
    tree: ast.Module


def parse(path: Path, python: tuple[int, int] | None = None) -> ast.Module:
    """Return the syntax tree of a file, as a Python of a minor version takes it as far as ast can
    tell.

    Raises SyntaxError, ValueError for text with NUL bytes, and OSError.
    """
    raw = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes that a later Python refuses
        return ast.parse(raw, filename=str(path), feature_version=python)


def read_source(path: Path) -> Source | None:
    """Return a file as Python; None where it is none, which `scripts` reports where it matters."""
    try:
        return Source(path, parse(path))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def needed_imports(source: Source) -> Iterator[Import]:
    """Yield what the file imports whenever it is imported itself.

    Left out is what may be missing: imports in `try`, under `if`, and in functions that nobody is
    known to call.
    """
    for statement in _sure_statements(source.tree.body):
        place = Place(source.path, statement.lineno)
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield Import(alias.name, (), 0, place)
        elif isinstance(statement, ast.ImportFrom):
            names = tuple(alias.name for alias in statement.names)
            yield Import(statement.module or "", names, statement.level, place)


def function(source: Source, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return a function of the file's top level; the last of a name counts."""
    named = [each for each in functions(source) if each.name == name]
    return named[-1] if named else None


def functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions of the file's top level."""
    for statement in source.tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            yield statement


def calls(source: Source) -> Iterator[tuple[list[str], ast.Call]]:
    """Yield every call of something that has a name, with the parts of that name."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            yield name, node


def dotted(node: ast.expr) -> list[str]:
    """Return the parts of a name with dots; none of an expression that is something else."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*found, node.attr] if (found := dotted(node.value)) else []
    return []


def local_sources(source: Source, folders: Sequence[Path]) -> Iterator[Source]:
    """Yield a file, the files of the folders that it imports whenever it runs, and the files that
    these import."""
    waiting, seen = [source], {source.path}
    while waiting:
        current = waiting.pop(0)
        yield current
        for imported in needed_imports(current):
            for file in _files_of(imported, current.path.parent, folders):
                found = read_source(file) if file not in seen else None
                seen.add(file)
                if found is not None:
                    waiting.append(found)


def is_local(module: str, folders: Sequence[Path]) -> bool:
    """Return whether a module of the first part of a name lies in one of the folders."""
    top = module.partition(".")[0]
    return any((folder / f"{top}.py").is_file() or (folder / top).is_dir() for folder in folders)


def _files_of(imported: Import, own: Path, folders: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that an import runs, of those that lie in the folders."""
    if imported.level:
        folders = [own.joinpath(*[".."] * (imported.level - 1)).resolve()]
    parts = imported.module.split(".") if imported.module else []
    for folder in folders:
        if parts and not is_local(parts[0], [folder]):
            continue
        for length in range(1, len(parts) + 1):
            yield from _module_files(folder.joinpath(*parts[:length]))
        for name in imported.names:
            yield from _module_files(folder.joinpath(*parts, name))
        return


def _module_files(path: Path) -> Iterator[Path]:
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            yield file


def binds(source: Source, name: str) -> bool:
    """Return whether anything at the top level may give a name its value."""
    for node in _top_level(source.tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name == name:
                return True
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if alias.name == "*" or (alias.asname or alias.name.partition(".")[0]) == name:
                    return True
        elif isinstance(node, ast.stmt):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Name | ast.Global | ast.MatchAs) and name in (
                    getattr(inner, "id", None),
                    getattr(inner, "name", None),
                    *getattr(inner, "names", ()),
                ):
                    return True
                if isinstance(inner, ast.Call) and dotted(inner.func) in _BINDING:
                    return True
    return False


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when a module is imported, those of branches too."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for block in ("body", "orelse", "finalbody"):
            yield from _top_level(getattr(statement, block, []))
        for handler in getattr(statement, "handlers", []):
            yield from _top_level(handler.body)


def _sure_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
        elif isinstance(statement, ast.With):
            if not _suppresses(statement):
                yield from _sure_statements(statement.body)
        elif isinstance(statement, ast.ClassDef) or (
            isinstance(statement, ast.FunctionDef) and statement.name in _ALWAYS_CALLED
        ):
            yield from _sure_statements(statement.body)


def _suppresses(statement: ast.With) -> bool:
    return any("suppress" in ast.dump(item.context_expr) for item in statement.items)
