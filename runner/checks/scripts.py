"""Checks scoring scripts and the programs of jobs, by reading them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from runner.checks.finding import Finding, error, warning
from runner.checks.source_code import (
    Source,
    binds,
    calls,
    dotted,
    function,
    functions,
    parse,
    read_source,
)
from runner.checks.subject import Subject, names_in
from runner.declarations import BatchDeployment
from runner.declarations.problem import Place
from runner.nearest import nearest

_MODEL_DIR = "AZUREML_MODEL_DIR"
_FROM_CONFIG = ("Workspace.from_config", "MLClient.from_config")
_CONFIG = "config.json"
# A string that is a path of a person's own machine.
_OWN_PATH = re.compile(r"(?:[A-Za-z]:[\\/]|/home/\w|/Users/\w|/mnt/c/)[^\n\r]*")
_OF_AZURE = ("/home/azureuser",)


def check_subject(subject: Subject) -> Iterator[Finding]:
    """Check the script that Azure starts, where there is one and it lies here."""
    if subject.entry is None or not subject.entry.is_file():
        return
    yield from check_syntax(subject)
    source = subject.source
    if source is None:
        return
    if subject.has_script:
        yield from check_functions(subject, source)
        yield from check_run_parameters(subject, source)
        yield from check_run_returns(subject, source)
        yield from check_model_path(subject, source)
    yield from check_workspace_config(subject, source)
    yield from check_own_paths(source)


def check_syntax(subject: Subject) -> Iterator[Finding]:
    """Check that the script is Python, of the version that its environment has."""
    assert subject.entry is not None
    declared = subject.wanted.python if subject.wanted else None
    version = _minor(declared)
    try:
        parse(subject.entry, version)
    except SyntaxError as problem:
        if version is not None and version > sys.version_info[:2]:
            return  # that Python may take it
        why = problem.msg
        as_new = version is not None and read_source(subject.entry) is not None
        python = f"Python {declared}, which its environment has, takes this for" if as_new else ""
        text = f"{python} a syntax error: {why}".strip()
        way = "correct it, or declare a newer Python" if as_new else "correct it"
        yield error(subject.entry, "syntax", f"{text}; {way}", problem.lineno or 0)
    except (ValueError, OSError, RecursionError) as problem:
        yield error(
            subject.entry, "syntax", f"can't be read as Python ({problem}): save it as text"
        )


def check_functions(subject: Subject, source: Source) -> Iterator[Finding]:
    """Check that `init` and `run` are there."""
    for name, form in (("init", "init()"), ("run", f"run({_given(subject)})")):
        if not binds(source, name):
            others = [each.name for each in functions(source)]
            hint = nearest(name, others) if others else ""
            hint = hint if "did you mean" in hint else f": define {form}"
            yield error(source.path, "functions", f"has no function {name}(){hint}")


def check_run_parameters(subject: Subject, source: Source) -> Iterator[Finding]:
    """Check that `init` can be called without a value and `run` with one value.

    A decorator may change that: of rawhttp it is known that it doesn't, of others nothing.
    """
    for name, given in (("init", 0), ("run", 1)):
        found = function(source, name)
        if found is None or not all(map(_is_rawhttp, found.decorator_list)):
            continue
        if name == "run" and subject.kind == "online":
            text = _unlike_online(found.args)
        elif name == "run" and _takes_context(subject, found.args):
            continue
        else:
            text = _unlike(found.args, given)
        if text is not None:
            call = f"run({_given(subject)}), with one value" if given else "init(), without one"
            yield error(
                Place(source.path, found.lineno),
                "parameters",
                f"{name}() {text}, and Azure calls {call}: define it so",
            )


def check_run_returns(subject: Subject, source: Source) -> Iterator[Finding]:
    """Check that `run` of a batch deployment returns something, by which the rows are counted."""
    found = function(source, "run")
    if not isinstance(subject.declared, BatchDeployment) or found is None or found.decorator_list:
        return
    own = list(_own_nodes(found))
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own):
        text = "run() is a generator, and Azure counts what it returns: return a list"
        yield error(Place(source.path, found.lineno), "returns", text)
        return
    returned = [node.value for node in own if isinstance(node, ast.Return)]
    something = any(
        value is not None and not (isinstance(value, ast.Constant) and value.value is None)
        for value in returned
    )
    if something or _only_raises(found):
        return
    text = (
        "run() returns nothing, so every mini-batch fails: return a DataFrame or a list with an"
        " element for each file"
    )
    yield error(Place(source.path, found.lineno), "returns", text)


def check_model_path(subject: Subject, source: Source) -> Iterator[Finding]:
    """Check that what the script looks for below AZUREML_MODEL_DIR is what lies there on Azure.

    There the files of the declared model lie, under the last part of its path.
    """
    model = subject.model
    if model is None or not isinstance(model.path, Path) or not model.path.exists():
        return
    for parts, line in _joined_to_model_dir(source):
        own = parts[0] == model.path.name
        if (own and model.path.parent.joinpath(*parts).exists()) or _asks_first(source):
            continue
        if own:
            text = f"{'/'.join(parts[1:])} is not in the model {model.path}"
            way = nearest(parts[-1], names_in(model.path.joinpath(*parts[1:-1])))
            way = way or ": correct the path"
        else:
            text = (
                f"{'/'.join(parts)} is not in {_MODEL_DIR}, where the model lies under the last"
                f" part of its path, {model.path.name}"
            )
            inside = model.path.is_dir() and model.path.joinpath(*parts).exists()
            way = f": join {'/'.join((model.path.name, *parts))}" if inside else ": join that"
        yield error(Place(source.path, line), "model-path", text + way)


def check_workspace_config(subject: Subject, source: Source) -> Iterator[Finding]:
    """Check that a script that asks for the workspace of config.json has it beside itself."""
    code = subject.code
    if code is None or any(
        (code / folder / _CONFIG).exists() for folder in ("", ".azureml", "aml_config")
    ):
        return
    for parts, node in calls(source):
        name = ".".join(parts[-2:])
        if name in _FROM_CONFIG and not any(word.arg == "path" for word in node.keywords):
            if node.args and name.startswith("Workspace"):
                continue
            text = (
                f"{name}() looks for a {_CONFIG}, and there is none in the code that is sent: put"
                " one there, or do without the workspace"
            )
            yield error(Place(source.path, node.lineno), "workspace-config", text)


def check_own_paths(source: Source) -> Iterator[Finding]:
    """Check that no file of the machine it was written on is opened."""
    for parts, node in calls(source):
        first = node.args[0] if node.args else None
        text = first.value if isinstance(first, ast.Constant) else None
        if not isinstance(text, str) or not _opens(parts[-1]):
            continue
        if _OWN_PATH.fullmatch(text) and not text.startswith(_OF_AZURE):
            yield warning(
                Place(source.path, node.lineno),
                "own-path",
                f"{text} is a path of one machine, and Azure's have other folders: put the file"
                " into the code or the model, or make it an input",
            )


def _minor(version: str | None) -> tuple[int, int] | None:
    found = re.match(r"(?:==?)?3\.(\d+)", version or "")
    return (3, int(found[1])) if found else None


def _given(subject: Subject) -> str:
    return "mini_batch" if isinstance(subject.declared, BatchDeployment) else "raw_data"


def _is_rawhttp(decorator: ast.expr) -> bool:
    return dotted(decorator)[-1:] == ["rawhttp"]


def _unlike(arguments: ast.arguments, given: int) -> str | None:
    """Return why a function can't be called with so many values by position."""
    positional = len(arguments.posonlyargs) + len(arguments.args)
    least = positional - len(arguments.defaults)
    # A required keyword makes it uncallable by position: as if it took one more than any.
    least += sum(default is None for default in arguments.kw_defaults) * 2
    if least > given:
        return f"needs {least} values" if least != 1 else "needs a value"
    return "takes no value" if positional < given and not arguments.vararg else None


def _unlike_online(arguments: ast.arguments) -> str | None:
    """Return why Azure's inference server can't call a `run`: it gives its first parameter a value
    by name, and `request_headers` the headers where there is one.

    Source: the package's `user_script.py`.
    """
    if arguments.posonlyargs or arguments.vararg or arguments.kwarg:
        return "takes *args, **kwargs or values by position only"
    needed = len(arguments.args) - len(arguments.defaults)
    parameters = [
        *((argument.arg, place < needed) for place, argument in enumerate(arguments.args)),
        *(
            (argument.arg, default is None)
            for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        ),
    ]
    own = [required for name, required in parameters if name != "request_headers"]
    if not own:
        return "takes no value"
    more = sum(own[1:])
    return f"needs {more + 1} values" if more else None


def _takes_context(subject: Subject, arguments: ast.arguments) -> bool:
    """Return whether `run` of a batch deployment asks for the mini-batch's context."""
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    return subject.kind == "batch" and len(names) == 2 and "context" in names[1]


def _own_nodes(found: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function without those of functions inside it."""
    nodes: list[ast.AST] = list(found.body)
    while nodes:
        node = nodes.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            nodes += ast.iter_child_nodes(node)


def _only_raises(found: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return isinstance(found.body[-1], ast.Raise)


def _joined_to_model_dir(source: Source) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the paths that are made of AZUREML_MODEL_DIR and of words alone, with their lines."""
    begun = {id(node.left) for node in ast.walk(source.tree) if isinstance(node, ast.BinOp)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and dotted(node.func)[-2:] == ["path", "join"]:
            first, *others = node.args or [ast.Constant(None)]
            words = _words(others)
            if words and _is_model_dir(first):
                yield words, node.lineno
        elif isinstance(node, ast.BinOp) and id(node) not in begun:
            words = _joined(node)
            if words:
                yield words, node.lineno


def _joined(node: ast.BinOp) -> tuple[str, ...]:
    """Return the words behind AZUREML_MODEL_DIR in `Path(...) / "a" / "b"` and in `... + "/a"`."""
    first: ast.expr = node
    parts: list[ast.expr] = []
    while isinstance(first, ast.BinOp) and isinstance(first.op, type(node.op)):
        parts.insert(0, first.right)
        first = first.left
    words = _words(parts)
    if isinstance(node.op, ast.Add):
        return words if _is_model_dir(first) else ()
    if not isinstance(node.op, ast.Div) or not words or not isinstance(first, ast.Call):
        return ()
    if dotted(first.func)[-1:] != ["Path"] or not first.args or not _is_model_dir(first.args[0]):
        return ()
    return (*_words(first.args[1:]), *words)


def _words(nodes: list[ast.expr]) -> tuple[str, ...]:
    """Return the parts of a path that is written out; empty where any of it is not."""
    parts: list[str] = []
    for node in nodes:
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            return ()
        parts += [part for part in node.value.split("/") if part]
    if any(character in part for part in parts for character in "*?[\\") or ".." in parts:
        return ()
    return tuple(parts)


def _is_model_dir(node: ast.expr) -> bool:
    """Return whether an expression is `os.environ["AZUREML_MODEL_DIR"]`, or asks for it without
    another value to fall back on."""
    if isinstance(node, ast.Subscript):
        return dotted(node.value)[-1:] == ["environ"] and _is_name(node.slice)
    if isinstance(node, ast.Call) and dotted(node.func)[-1:] in (["getenv"], ["get"]):
        return bool(node.args) and _is_name(node.args[0])
    return False


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == _MODEL_DIR


def _asks_first(source: Source) -> bool:
    """Return whether the script asks if a path is there, and so has another way where it isn't."""
    return any(
        name[-1] in ("exists", "isdir", "is_dir", "isfile", "is_file") for name, _ in calls(source)
    )


def _opens(name: str) -> bool:
    """Return whether a function is called as those are that read files."""
    return name in ("open", "Path", "load", "load_model", "from_pretrained") or name.startswith(
        "read_"
    )
