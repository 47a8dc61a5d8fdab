from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from runner.errors import EnvironmentRefused, WrongUsage
from runner.venvs.cache import complete, entries, folder_of, hold, log_of, remove_entry
from runner.venvs.choosing import choose_interpreter
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.interpreter import EnvManager, Interpreter
from runner.venvs.needs import Needs, model_needs
from runner.venvs.python_version import minor_of, own_version
from runner.venvs.reading import model_environment
from runner.venvs.requirements_file import read_lines, read_requirements, with_requirements
from runner.venvs.uv import find_uv

from .wheels import Index, make_wheel, serve_index

ROOT = Path(__file__).parents[2]


def choose(
    home: Path,
    declared: DeclaredEnvironment | None,
    manager: EnvManager = "auto",
    needs: Needs = Needs(),  # noqa: B008 (it is frozen)
) -> tuple[Interpreter, list[str]]:
    told: list[str] = []
    return choose_interpreter(home, declared, manager, needs=needs, log=told.append), told


def declare(*requirements: str, **fields: Any) -> DeclaredEnvironment:
    return DeclaredEnvironment("model/requirements.txt", requirements=requirements, **fields)


def run(interpreter: Interpreter, program: str) -> str:
    assert interpreter.python is not None
    done = subprocess.run(
        [interpreter.python, "-c", program], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_where_nothing_is_declared_the_runners_own_python_runs(home: Path) -> None:
    assert choose(home, None) == (Interpreter(version=own_version()), [])


@pytest.mark.parametrize("manager", ["auto", "local"])
def test_the_runners_own_environment_is_used_where_it_satisfies_what_is_declared(
    home: Path, manager: EnvManager
) -> None:
    declared = declare("click", notices=("told",), python=own_version())
    found, told = choose(home, declared, manager)
    assert found == Interpreter(
        version=own_version(), source="model/requirements.txt", notices=("told",)
    )
    assert told == []
    assert not home.exists()


@pytest.mark.parametrize("manager", ["auto", "uv", "conda", "local"])
def test_the_runners_own_python_runs_where_nothing_is_known_of_what_is_declared(
    home: Path, manager: EnvManager
) -> None:
    found, told = choose(
        home, declare(image="mcr.example/image", known=False, notices=("told",)), manager
    )
    assert (found.python, found.notices, told) == (None, ("told",), [])


def test_local_tells_what_differs_and_makes_nothing(home: Path) -> None:
    found, _ = choose(home, declare("click==7.0", python="3.9"), "local")
    assert found.python is None
    assert [(other.name, other.declared) for other in found.others] == [
        ("python", "3.9"),
        ("click", "==7.0"),
    ]
    assert not home.exists()


def test_another_python_counts_only_where_it_makes_a_difference(home: Path) -> None:
    declared = declare("click", python="3.9")
    needs = Needs(any_python=True)
    found, _ = choose(home, declared, "auto", needs=needs)
    assert (found.python, found.others) == (None, ())
    found, _ = choose(home, declared, "local", needs=needs)
    assert [(other.name, other.declared) for other in found.others] == [("python", "3.9")]


def test_packages_that_loading_does_not_need_do_not_count(home: Path) -> None:
    needs = Needs(spared=frozenset({"mlflow"}))
    assert choose(home, declare("click", "mlflow==1.0"), needs=needs)[0].python is None


def test_what_is_declared_is_made_once_and_found_without_uv_and_network(
    home: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = declare("tool==1.0")
    found, told = choose(home, declared)
    assert run(found, "import tool, part; print(tool.version, part.version)") == "1.0 2.0"
    minor = minor_of(own_version())
    assert told[0] == (
        f"making the environment of model/requirements.txt: Python {minor}, 1 declared package"
    )
    assert told[1].startswith(f"made the venv {found.venv}: 2 packages in ")
    asked = len(index.requests)
    monkeypatch.setattr("runner.venvs.making.find_uv", lambda: pytest.fail("uv was looked for"))
    assert choose(home, declared) == (found, [])
    assert len(index.requests) == asked


def test_uv_makes_one_even_where_the_runners_own_would_do(home: Path, index: Index) -> None:
    make_wheel(index.folder, "click", "8.5.1")
    assert choose(home, declare("click"), "uv")[0].venv is not None


def test_what_the_runner_adds_is_resolved_together_with_what_is_declared(
    home: Path, index: Index
) -> None:
    needs = Needs(adds=("part>=1",))
    found, _ = choose(home, declare("rival==1.0"), needs=needs)
    assert run(found, "import part; print(part.version)") == "1.0"
    with pytest.raises(WrongUsage) as refused:
        choose(home, declare("rival==1.0"), needs=Needs(adds=("part>=2",)))
    assert str(refused.value).startswith(
        "model/requirements.txt: the runner needs part>=2 in the environment, and that goes with no"
        " version of what is declared: Because "
    )


def test_a_declared_package_that_does_not_exist_is_named_with_its_line(
    home: Path, index: Index, tmp_path: Path
) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("part\nno-such-tool==1.0\n")
    declared = with_requirements(declare(), read_requirements(read_lines(file)))
    with pytest.raises(WrongUsage) as refused:
        choose(home, declared)
    text = str(refused.value)
    assert text.startswith(f"{file}:2: Because no-such-tool was not found in the package registry")
    assert "\n" not in text
    log = next(home.glob("venvs/*.log"))
    assert f"(all of it: {log})" in text
    assert "No solution found" in log.read_text()
    assert entries(home) == []


def test_versions_that_can_not_be_resolved_together_are_told_as_uv_explains_it(
    home: Path, index: Index
) -> None:
    with pytest.raises(WrongUsage, match=r"Because .*rival depend on part<2") as refused:
        choose(home, declare("tool==1.0", "rival==1.0"))
    assert len(str(refused.value)) < 800


def test_without_a_network_what_is_cached_still_runs_and_the_rest_is_refused(
    home: Path, wheels: Path, uv_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serve_index(wheels) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        found, _ = choose(home, declare("part==1.0"))
    assert choose(home, declare("part==1.0"))[0] == found
    with pytest.raises(EnvironmentRefused) as refused:
        choose(home, declare("part==2.0"))
    assert "can't be fetched" in str(refused.value)
    assert "--env-manager local" in str(refused.value)


def test_without_uv_the_ways_out_are_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.prefix", "/nowhere/venv")
    monkeypatch.setattr("runner.venvs.uv.find_spec", lambda _: None)
    with pytest.raises(
        EnvironmentRefused, match=r"there is none: install it with .* --env-manager"
    ):
        choose(home, declare("no-such-tool==1"))
    assert entries(home) == []


@pytest.mark.parametrize("manager", ["uv", "conda"])
def test_nothing_is_said_to_be_made_by_what_is_not_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, manager: EnvManager
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.prefix", "/nowhere/venv")
    monkeypatch.setattr("runner.venvs.uv.find_spec", lambda _: None)
    for name in ("CONDA_EXE", "MAMBA_EXE"):
        monkeypatch.delenv(name, raising=False)
    said: list[str] = []
    with pytest.raises(EnvironmentRefused):
        choose_interpreter(
            home, declare("no-such-tool==1"), manager, needs=Needs(), log=said.append
        )
    assert said == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "record.json").write_text("{"),
        lambda folder: (folder / "record.json").write_text('{"version": 0}'),
        lambda folder: (folder / "venv" / "bin" / "python").unlink(),
        lambda folder: (folder / "record.json").unlink(),
    ],
)
def test_a_broken_entry_is_made_again_and_told(
    home: Path, index: Index, damage: Callable[[Path], object]
) -> None:
    found, _ = choose(home, declare("part==1.0"))
    assert found.venv is not None
    damage(folder_of(home, found.venv))
    again, told = choose(home, declare("part==1.0"))
    assert again == found
    assert told[0] == (
        f"the venv {found.venv} is broken or was not made to its end: it is made again"
    )
    assert run(again, "import part; print(part.version)") == "1.0"


PROGRAM = """
import sys
from pathlib import Path
from runner.venvs.choosing import choose_interpreter
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.needs import Needs, model_needs
declared = DeclaredEnvironment("m", requirements=(sys.argv[2],))
found = choose_interpreter(
    Path(sys.argv[1]), declared, "auto", needs=Needs(), log=lambda line: print(line, flush=True)
)
print(found.venv)
"""


def begin(home: Path, requirement: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(home), requirement]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_of_two_that_want_the_same_at_once_one_makes_it_and_the_other_waits(
    home: Path, index: Index
) -> None:
    both = [begin(home, "tool==1.1") for _ in range(2)]
    told = [process.communicate(timeout=60)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert told[0][-1] == told[1][-1]
    lines = [line for each in told for line in each[:-1]]
    assert sum(line.startswith("made ") for line in lines) == 1
    assert len(entries(home)) == 1


def test_one_that_was_killed_while_it_was_made_is_made_again(
    home: Path, wheels: Path, uv_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_index(wheels) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        index.open.clear()
        killed = begin(home, "part==2.0")
        assert index.asked.wait(timeout=60)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        # uv outlives whoever began it and holds the lock, so nobody writes beside it.
        second = begin(home, "part==2.0")
        assert second.stdout is not None
        assert second.stdout.readline().startswith("waiting for another process")
        index.open.set()
        told = second.communicate(timeout=60)[0].splitlines()
    assert "is broken or was not made to its end" in told[0]
    assert complete(home, told[-1]) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")
def test_a_full_disk_is_named_and_leaves_nothing(home: Path, index: Index, tmp_path: Path) -> None:
    make_wheel(index.folder, "large", "1.0", code="text = '" + "x" * 3_000_000 + "'\n")
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", home], check=True)
    try:
        with pytest.raises(EnvironmentRefused, match="no space left on the disk") as refused:
            choose(home, declare("large==1.0"))
        assert "runner venvs remove" in str(refused.value)
        assert entries(home) == []
        assert not list(home.glob("venvs/*/venv"))
    finally:
        subprocess.run(["umount", home], check=True)


def test_keys_of_an_index_get_into_no_file_no_error_and_no_name(
    home: Path,
    wheels: Path,
    uv_cache: None,
) -> None:
    names = set()
    with serve_index(wheels, key="s3cret-key") as index:
        for key in ("s3cret-key", "other-s3cret"):
            index.key = key
            declared = declare("part==1.0", options=(f"--index-url {index.url_with_key}",))
            found, told = choose(home, declared)
            assert "s3cret" not in "".join(told) + repr(declared)
            names.add(found.venv)
        (entry,) = entries(home)
        assert entry.venv.options == (f"--index-url {index.url.replace('//', '//***@')}",)
        wrong = declare("no-such-tool", options=(f"--index-url {index.url_with_key}",))
        with pytest.raises(WrongUsage) as refused:
            choose(home, wrong)
        assert "s3cret" not in str(refused.value)
        index.key = "changed"
        with pytest.raises((WrongUsage, EnvironmentRefused)) as refused_too:
            choose(home, declare("part==2.0", options=wrong.options))
        assert "s3cret" not in str(refused_too.value)
    assert len(names) == 1
    kept = [file for file in home.rglob("*") if file.is_file() and not file.is_symlink()]
    assert [file for file in kept if b"s3cret" in file.read_bytes()] == []


def test_a_key_may_come_by_a_variable(
    home: Path, wheels: Path, uv_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INDEX_KEY", "s3cret-key")
    with serve_index(wheels, key="s3cret-key") as index:
        address = index.url.replace("//", "//someone:${INDEX_KEY}@")
        found, _ = choose(home, declare("part==1.0", options=(f"--index-url {address}",)))
    assert run(found, "import part; print(part.version)") == "1.0"


def test_local_wheels_are_installed_and_their_content_decides(
    home: Path, index: Index, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "model", "own", "1.0", "part<2", code="version = 'first'\n")
    first, _ = choose(home, declare(str(wheel)))
    assert run(first, "import own, part; print(own.version, part.version)") == "first 1.0"
    assert choose(home, declare(str(wheel)))[1] == []
    moved = tmp_path / "elsewhere" / wheel.name
    moved.parent.mkdir()
    wheel.rename(moved)
    assert choose(home, declare(str(moved)))[0].venv == first.venv
    make_wheel(tmp_path / "model", "own", "1.0", code="version = 'second'\n")
    second, _ = choose(home, declare(str(wheel)))
    assert run(second, "import own; print(own.version)") == "second"


def test_packages_of_azures_executor_are_left_out_and_told(home: Path, index: Index) -> None:
    found, _ = choose(home, declare("azureml-defaults", "part==1.0"))
    (entry,) = entries(home)
    assert entry.venv.left_out == ("azureml-defaults",)
    assert entry.venv.declared == ("part==1.0",)
    assert found.venv == entry.venv.name


def test_the_shells_own_environment_does_not_reach_what_is_made(
    home: Path, index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    monkeypatch.setenv("UV_CONSTRAINT", str(tmp_path / "missing.txt"))
    monkeypatch.setenv("UV_TARGET", str(tmp_path / "target"))
    found, _ = choose(home, declare("part==1.0"))
    assert found.venv is not None
    assert not (tmp_path / "target").exists()


def test_constraints_hold(home: Path, index: Index) -> None:
    found, _ = choose(home, declare("part", constraints=("part<2",)))
    assert run(found, "import part; print(part.version)") == "1.0"
    assert not list(home.rglob("constraints.txt"))  # an address in it may hold a key


def test_conda_packages_that_pypi_has_not_are_refused_by_name(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PATH", "CONDA_EXE", "MAMBA_EXE"):
        monkeypatch.setenv(variable, "")
    with pytest.raises(WrongUsage) as refused:
        choose(home, declare("part", only_conda=("cudatoolkit=11.8", "graphviz")))
    assert str(refused.value) == (
        "model/requirements.txt: cudatoolkit=11.8, graphviz are packages of conda's that PyPI is"
        " not known to have: name pip's package under pip:, or add --env-manager local"
    )


def test_a_python_that_is_nowhere_is_refused_with_the_ways_out(
    home: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    with pytest.raises(EnvironmentRefused) as refused:
        choose(home, declare("part", python="3.77.1"))
    assert str(refused.value).startswith(
        "model/requirements.txt declares Python 3.77.1, and uv neither finds one nor can get it:"
        f" install Python 3.77 (`{shlex.join(find_uv())} python install 3.77`, pyenv"
    )


def test_a_python_that_the_runner_can_not_run_in_is_refused_where_it_has_to(home: Path) -> None:
    with pytest.raises(EnvironmentRefused, match=r"declares Python 3\.8, .* needs 3\.9 or later"):
        choose(home, declare("part", python="3.8"))
    assert choose(home, declare("part", python="3.8"), "local")[0].others != ()


def test_the_minor_version_of_python_decides_and_the_other_is_told(
    home: Path, index: Index
) -> None:
    minor = minor_of(own_version())
    found, told = choose(home, declare("part==1.0", python=f"{minor}.99"))
    assert told[-1] == (
        f"model/requirements.txt declares Python {minor}.99, and this machine's is {own_version()}:"
        " the minor version decides"
    )
    assert found.version == own_version()


def test_a_home_that_can_not_be_written_to_is_refused(home: Path, index: Index) -> None:
    home.write_text("")
    with pytest.raises(EnvironmentRefused, match="set RUNNER_HOME to a folder you can write to"):
        choose(home, declare("part==1.0"))


def test_an_entry_in_use_is_not_removed_and_says_who_uses_it(home: Path, index: Index) -> None:
    found, _ = choose(home, declare("part==1.0"))
    assert found.venv is not None
    with hold(home, found.venv, "deployment blue of diabetes"):
        with pytest.raises(EnvironmentRefused) as refused:
            remove_entry(home, found.venv)
        assert str(refused.value) == (
            f"venv {found.venv} is in use by deployment blue of diabetes (process"
            f" {os.getpid()}): wait for its end"
        )
    (entry,) = entries(home)
    assert entry.uses[0].owner == "deployment blue of diabetes"
    assert remove_entry(home, found.venv[:5]) > entry.venv.size > 0
    assert entries(home) == []
    assert not log_of(home, found.venv).exists()
    with pytest.raises(EnvironmentRefused, match="was removed meanwhile"):
        hold(home, found.venv, "deployment blue of diabetes")


def test_another_minor_version_of_python_is_found_where_pyenv_has_it(
    home: Path, index: Index
) -> None:
    other = "3.12" if own_version().startswith("3.10.") else "3.10"
    try:
        found, _ = choose(home, declare("part==1.0", python=other))
    except EnvironmentRefused as error:
        pytest.skip(f"this machine has no Python {other}: {error}")
    assert run(found, "import sys; print(*sys.version_info[:2], sep='.')") == other


def test_the_sample_runs_in_what_scoring_alone_is_installed_with(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins: dict[str, str] = {}
    for line in read_lines(ROOT / "requirements" / "score.txt"):
        requirement = Requirement(line.text.split(" --hash")[0])
        if requirement.marker is None or requirement.marker.evaluate():
            pins[canonicalize_name(requirement.name)] = str(requirement.specifier).lstrip("=")
    monkeypatch.setattr("runner.venvs.satisfied._installed_here", lambda: pins)
    model = ROOT / "models" / "diabetes" / "model"
    declared = model_environment(model)
    assert declared is not None
    found, told = choose(home, declared, needs=model_needs(model))
    assert (found.python, found.others, told) == (None, (), [])
    assert choose(home, declared, "local")[0].others != ()  # mlflow and pandas are not there


def test_packages_of_the_real_index_are_made_into_an_environment(home: Path) -> None:
    found, _ = choose(home, declare("packaging<24,>=23.2", "six==1.16.0", build_tools=("wheel",)))
    assert run(found, "import packaging, six, wheel; print(packaging.__version__)") == "23.2"
    with pytest.raises(WrongUsage, match=r"no version of six==0\.0\.1"):
        choose(home, declare("six==0.0.1"))
