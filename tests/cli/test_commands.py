"""The tree of commands as a whole: helped, documented, and light to start."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from runner import __version__
from runner.cli import COMMANDS, runner
from runner.cli.options import Command, Session
from runner.environments import open_workspace
from tests.pythons import unmeasured

from .conftest import Run

ROOT = Path(__file__).parent.parent.parent
HEAVY = {"mlflow", "azure", "pulumi", "pandas", "numpy", "sklearn", "pyarrow"}


def _walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    yield " ".join(path), command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _walk(below, (*path, name))


TREE = dict(_walk(runner, ("runner",)))


@pytest.mark.parametrize("path", TREE)
def test_every_command_refuses_empty_arguments(path: str) -> None:
    assert isinstance(TREE[path], Command)


@pytest.mark.parametrize("path", TREE)
def test_every_command_has_help_that_fits_a_list(path: str) -> None:
    short = TREE[path].get_short_help_str(limit=75)
    assert short.endswith(".")
    assert not short.endswith("...")


@pytest.mark.parametrize("path", TREE)
def test_every_option_has_help(path: str) -> None:
    options = [option for option in TREE[path].params if isinstance(option, click.Option)]
    assert {"--env", "--verbose"} <= {name for option in options for name in option.opts}
    for option in options:
        assert option.help, f"{path} {option.opts}"


@pytest.mark.parametrize("path", TREE)
def test_every_command_has_examples_of_itself_that_stay_unwrapped(path: str, run: Run) -> None:
    out = run(*path.split()[1:], "--help").out
    examples = out.partition("  Examples:\n")[2].splitlines()
    assert any(path in example for example in examples)
    written = (TREE[path].epilog or "").splitlines()
    assert [line.strip() for line in examples] == [line.strip() for line in written[2:]]


@pytest.mark.parametrize("path", TREE)
def test_every_example_is_a_line_the_program_takes(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)  # where the files that examples name are
    lines = re.findall(r"\brunner [^)\n|>]*", (TREE[path].epilog or "").split("Examples:")[1])
    assert lines
    for line in lines:
        words = re.split(r"\s{2,}", line.strip())[0].split()[1:]
        command: click.Command = runner
        while isinstance(command, click.Group):
            below = command.get_command(click.Context(command), words.pop(0))
            assert below is not None, line
            command = below
        if "--help" not in words:
            # The option --help is made once, in the manner of the first context: the root's.
            root = click.Context(runner, obj=Session(open_workspace), **runner.context_settings)
            command.make_context(None, words, parent=root)


def test_the_list_of_commands_says_what_the_commands_say() -> None:
    context = click.Context(runner)
    for name, help_ in COMMANDS.items():
        command = runner.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(limit=100) == help_


def test_the_documented_commands_are_up_to_date() -> None:
    document = runpy.run_path(str(ROOT / "scripts" / "command-docs"))["document"]
    written = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert written == document(), "run scripts/command-docs"


@pytest.mark.parametrize("path", TREE)
def test_every_command_is_documented(path: str) -> None:
    written = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert re.search(rf"^#+ {path}$", written, re.MULTILINE)


def test_alone_it_shows_its_help(run: Run) -> None:
    result = run()
    assert result.status == 0
    assert result.out.startswith("Usage: runner ")


def test_version_names_the_program(run: Run) -> None:
    assert run("--version").out == f"runner {__version__}\n"


@pytest.fixture
def base_packages(tmp_path: Path) -> Path:
    """Return a folder with the packages of the base install and nothing else."""
    folder = tmp_path / "base"
    folder.mkdir()
    for name in ("click", "packaging", "yaml", "_yaml"):
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            (folder / name).symlink_to(Path(spec.origin).parent)
    (folder / "runner").symlink_to(ROOT / "runner")
    return folder


def _alone(folder: Path, *args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python with `folder` as its only site-packages."""
    return subprocess.run(
        [sys.executable, "-S", "-P", *args],
        cwd=cwd,
        env={
            "PYTHONPATH": str(folder),
            "PATH": os.environ["PATH"],
            "RUNNER_HOME": str(folder / "home"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_and_looking_around_need_only_the_base_packages(base_packages: Path) -> None:
    helps = [[*path.split()[1:], "--help"] for path in TREE]
    lists = ["jobs list", "models list", "data list", "endpoints list", "env show"]
    lines = [*helps, *([*line.split(), "-o", "json"] for line in lists)]
    program = (
        f"from runner.cli import main\nfor line in {lines!r}:\n"
        "    try:\n        main(line)\n    except SystemExit as ended:\n"
        "        assert not ended.code, (line, ended)\n"
    )
    result = _alone(base_packages, "-c", program)
    assert (result.returncode, result.stderr) == (0, "")
    usages = [line for line in result.stdout.splitlines() if line.startswith("Usage: ")]
    for path, usage in zip(TREE, usages, strict=True):
        assert usage.startswith(f"Usage: {path} ")


@pytest.mark.parametrize("line", ["--help", "score --help", "jobs list", "score --no-such-option"])
def test_starting_imports_no_heavy_package(line: str, tmp_path: Path) -> None:
    program = (
        "import sys\nfrom runner.cli import main\n"
        f"try:\n    main({line.split()!r})\nexcept SystemExit:\n    pass\n"
        "print('loaded', *{name.partition('.')[0] for name in sys.modules})"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**unmeasured(), "RUNNER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(result.stdout.splitlines()[-1].split()[1:])
    assert "click" in loaded
    assert not loaded & HEAVY
    if line == "--help":
        assert not loaded & {"yaml", "sqlite3", "json", "subprocess", "asyncio"}


def test_help_takes_at_most_twice_as_long_as_importing_click() -> None:
    def seconds(*args: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *args], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began

    pairs = [(seconds("-c", "import click"), seconds("-m", "runner", "--help")) for _ in range(9)]
    assert min(ours for _, ours in pairs) <= 2 * min(theirs for theirs, _ in pairs)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_any_encoding_of_stdout_will_do(encoding: str) -> None:
    program = (
        "from memory import MemoryWorkspace\nfrom runner.cli import main\n"
        "workspace = MemoryWorkspace(predictions={'데이터': 1, 'caf\\udce9': 2})\n"
        "main(['score'], lambda _: workspace)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={
            **os.environ,
            "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{ROOT}",
            "PYTHONIOENCODING": encoding,
        },
        capture_output=True,
        check=True,
    )
    assert b"\\ub370\\uc774\\ud130" in result.stdout
    assert b"caf\\udce9" in result.stdout


def test_a_reader_that_leaves_early_is_no_error() -> None:
    program = (
        "from memory import MemoryWorkspace\nfrom runner.cli import main\n"
        "from runner.workspace import Invocation, LogLine\n"
        "workspace = MemoryWorkspace(events=[LogLine('x' * 1000)] * 10_000)\n"
        "workspace.invoke(Invocation())\n"
        "main(['jobs', 'stream'], lambda _: workspace)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(timeout=30) == 141


# A command line that opens a file at once, as a database is, and prints to both streams after.
PROGRAM = """
import os, sys
from runner.cli import main
from tests.cli.memory import MemoryWorkspace

def opener(environment):
    global file
    file = open("opened.txt", "w")
    os.set_inheritable(file.fileno(), True)
    return MemoryWorkspace()

main(sys.argv[1:], opener)
"""


def _in_shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in which `runner` is the program above."""
    (folder / "program.py").write_text(PROGRAM)
    return subprocess.run(
        ["bash", "-c", f'runner() {{ "{sys.executable}" program.py "$@"; }}; {line}'],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "closed"),
    [
        *(("score", closed) for closed in (">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&- 2>&-")),
        ("jobs list", "<&- 2>&-"),
        ("score endpoint too-much", ">&- 2>&-"),
    ],
)
def test_what_is_printed_to_a_closed_stream_goes_nowhere_else(
    line: str, closed: str, tmp_path: Path
) -> None:
    whole = _in_shell(f"runner {line}", tmp_path)
    result = _in_shell(f"runner {line} {closed}", tmp_path)
    assert result.returncode == whole.returncode
    assert result.stdout == ("" if re.search("(^| )>&-", closed) else whole.stdout)
    assert result.stderr == ("" if "2>&-" in closed else whole.stderr)
    if line != "score endpoint too-much":
        assert (tmp_path / "opened.txt").read_text() == ""


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("score -o json", 0),  # the job has completed, whoever reads of it
        ("score endpoint too-much", 2),
        ("jobs list -o json", 0),
    ],
)
def test_where_nobody_reads_on_the_status_is_the_commands_own(
    line: str, status: int, tmp_path: Path
) -> None:
    # The reader has gone before the program begins.
    shell = f"(read; runner {line}; echo status $? >&2) < <(sleep 0.2; echo) | true"
    result = _in_shell(shell, tmp_path)
    assert result.stderr.splitlines()[-1] == f"status {status}"
    assert "BrokenPipe" not in result.stderr


def test_what_a_closed_pipe_cuts_off_ends_as_by_its_signal(tmp_path: Path) -> None:
    shell = "(read; runner --help; echo status $? >&2) < <(sleep 0.2; echo) | true"
    result = _in_shell(shell, tmp_path)
    assert result.stderr == "status 141\n"
