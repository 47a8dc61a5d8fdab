from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import EnvironmentRefused
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.uv import (
    UvFailed,
    describe_uv,
    error_for,
    explanation,
    find_uv,
    run_uv,
    variables,
)

DECLARED = DeclaredEnvironment(
    "conda.yml",
    requirements=("scikit_learn==1.5", "numpy"),
    places={"scikit_learn==1.5": "conda.yml:7", "numpy": "conda.yml:8"},
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Using Python 3.10 environment at: x\nerror: No solution found when resolving"
            " packages\n  cause: Because a<1 depends on b,\n      we can conclude c.\n\nhint: d",
            "Because a<1 depends on b, we can conclude c",
        ),
        (
            "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version"
            " of a==9 and you require a==9, we can\n      conclude that x.\n",
            "Because there is no version of a==9 and you require a==9, we can conclude that x",
        ),
        ("warning: x\nerror: Failed to parse: `a==`\n  cause: b\n", "Failed to parse: `a==` b"),
        (
            "error: Failed to build `x`\n  cause: The build backend returned an error\n\n"
            "         [stderr]\n         Traceback\n         RuntimeError: no compiler\n\nhint: y",
            "Failed to build `x` RuntimeError: no compiler",
        ),
        (
            "error: Failed to build `x`\n  cause: The build backend returned an error\n\n"
            "         [stderr]\n         The x package is deprecated, use 'y'\n"
            "         rather than 'x'.\n\n         More is at\n         https://a.example\n",
            "Failed to build `x` The x package is deprecated, use 'y' rather than 'x'",
        ),
        (
            "error: Couldn't parse requirement in `-` at position 0\n  cause: no such operator\n"
            "    six=1.0\n       ^^^^\n",
            "no such operator six=1.0",
        ),
        (
            "error: Couldn't parse `-`\n  cause: no\n    part=1.0\n        ^^^^\n",
            "Couldn't parse `-` no part=1.0",
        ),
        ("something else\n", "something else"),
    ],
)
def test_of_what_uv_says_the_telling_lines_are_told(said: str, told: str) -> None:
    assert explanation(said) == told


def test_a_long_explanation_is_cut() -> None:
    text = explanation("error: " + "word " * 1000)
    assert len(text) == 400
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("said", "status", "begins"),
    [
        ("error: x\n  cause: Because scikit-learn==1.5 y", 2, "conda.yml:7: Because"),
        ("error: x\n  cause: Because numpy y", 2, "conda.yml:8: Because"),
        ("error: nothing known", 2, "conda.yml: nothing known"),
        ("error: Failed to write: No space left on device (os error 28)", 3, "no space left"),
        (
            "error: Failed to initialize cache at `x`\n  cause: failed to create directory `x`:"
            " Read-only file system (os error 30)",
            3,
            "uv can't write what it makes of conda.yml: Failed to initialize cache at `x` failed to"
            " create directory `x`: Read-only file system (os error 30); name a folder",
        ),
        (
            "error: Failed to fetch: x\n  cause: client error (Connect)",
            3,
            "the packages that conda",
        ),
        (
            "error: x\n  cause: Because numpy y\n\nhint: An index (a) lacks valid authentication"
            " credentials (401 Unauthorized)",
            3,
            "an index that conda.yml is made from wants another user or key: An index (a) lacks",
        ),
        ("error: x\n  cause: Because the network was disabled", 3, "the packages that conda.yml"),
    ],
)
def test_a_refusal_says_whose_it_is(said: str, status: int, begins: str, tmp_path: Path) -> None:
    error = error_for(UvFailed(said), DECLARED, tmp_path / "log")
    assert error.exit_status == status
    assert str(error).startswith(begins)
    assert str(error).endswith(f"(all of it: {tmp_path}/log)")


def test_uv_is_told_where_packages_come_from_and_not_what_to_make_of_them() -> None:
    shell = {
        "HOME": "/home/a",
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy",
        "UV_INDEX_URL": "https://a.example",
        "UV_INDEX_OURS_PASSWORD": "x",
        "UV_DEFAULT_INDEX": "https://b.example",
        "UV_PYTHON_INSTALL_MIRROR": "https://c.example",
    }
    dropped = {
        "PYTHONPATH": "x",
        "PYTHONHOME": "x",
        "VIRTUAL_ENV": "x",
        "CONDA_PREFIX": "x",
        "UV_CONSTRAINT": "x",
        "UV_PYTHON": "3.8",
        "UV_PROJECT": "x",
        "UV_TARGET": "x",
        "UV_PRERELEASE": "allow",
    }
    assert variables(shell | dropped) == shell


def test_pythons_of_pyenv_are_looked_for_after_those_on_path(tmp_path: Path) -> None:
    for version in ("3.10.13", "3.1.2", "2.7.18"):
        (tmp_path / "versions" / version / "bin").mkdir(parents=True)
    found = variables({"PATH": "/bin", "PYENV_ROOT": str(tmp_path)}, "3.10")
    assert found["PATH"] == f"/bin:{tmp_path}/versions/3.10.13/bin"


def test_uv_is_looked_for_on_path_beside_the_environment_and_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = tmp_path / ".uv" / "bin" / "uv"
    fetched.parent.mkdir(parents=True)
    fetched.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(fetched.parent))
    monkeypatch.setattr("sys.prefix", "/nowhere/venv")
    assert find_uv() == [str(fetched)]
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    assert find_uv() == [str(fetched)]
    fetched.unlink()
    monkeypatch.setattr("runner.venvs.uv.find_spec", lambda _: object())
    assert find_uv()[-2:] == ["-m", "uv"]


@pytest.mark.parametrize("pip", [True, False])
def test_where_there_is_no_uv_a_command_is_named_that_puts_it_where_it_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pip: bool
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "a project" / ".venv"))
    monkeypatch.setattr("sys.executable", "/a/python")
    monkeypatch.setattr("runner.venvs.uv.find_spec", {"pip": object() if pip else None}.get)
    with pytest.raises(EnvironmentRefused) as refusal:
        find_uv()
    uv = tmp_path / "a project" / ".uv"
    command = (
        "`/a/python -m pip install uv`"
        if pip
        else f"`/a/python -m venv '{uv}' && '{uv}/bin/pip' install uv`"
    )
    assert f"install it with {command}, or put one on PATH, or" in str(refusal.value)


@pytest.mark.parametrize(
    "said",
    [
        "error: x\n  cause: Because numpy was not found in the package registry",
        "error: Failed to fetch: x\n  cause: client error (Connect)",
    ],
)
def test_who_told_pip_alone_of_an_index_is_told_how_to_tell_uv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:key@a.example")
    told = "; uv does not read PIP_INDEX_URL: name that index in UV_DEFAULT_INDEX or UV_INDEX"
    assert told in str(error_for(UvFailed(said), DECLARED, tmp_path / "log"))
    monkeypatch.delenv("PIP_INDEX_URL")
    file = tmp_path / "pip.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    file.write_text("[global]\ntimeout = 60\n")
    assert "does not read" not in str(error_for(UvFailed(said), DECLARED, tmp_path / "log"))
    file.write_text("[global]\nindex-url = https://me:key@a.example\n")
    told = told.replace("PIP_INDEX_URL", str(file))
    assert told in str(error_for(UvFailed(said), DECLARED, tmp_path / "log"))
    monkeypatch.setenv("UV_INDEX_URL", "https://a.example")
    assert "does not read" not in str(error_for(UvFailed(said), DECLARED, tmp_path / "log"))


def test_a_uv_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho \"error: unexpected argument '$2' found\" >&2\nexit 2\n")
    uv.chmod(0o755)
    said = f"^{uv} is too old, .* get a later one in its place, or on PATH before it$"
    with pytest.raises(EnvironmentRefused, match=said):
        run_uv([str(uv)], ["venv", "--no-project"], folder=tmp_path, log=tmp_path / "log")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(EnvironmentRefused, match=said):
        describe_uv()
