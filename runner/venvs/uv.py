"""Finds and calls uv, and explains what its refusals mean."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from runner.engine.text import one_line
from runner.errors import EnvironmentRefused, RunnerError, WrongUsage
from runner.package_names import normal
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.names import name_of
from runner.venvs.secrets import without_keys

_LONGEST = 400  # characters of an explanation in an error message

# The shell's variables for uv that name sources of packages and Pythons. The others would change
# what is made of a declaration, or where.
_KEPT: Final = (
    "UV_CACHE_DIR",
    "UV_CONCURRENT_",
    "UV_CONFIG_FILE",
    "UV_CREDENTIALS_DIR",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_HTTP_",
    "UV_INDEX",  # UV_INDEX_URL, UV_INDEX_STRATEGY and the keys of named indexes as well
    "UV_INSECURE_HOST",
    "UV_KEYRING_PROVIDER",
    "UV_LINK_MODE",
    "UV_NATIVE_TLS",
    "UV_NO_CACHE",
    "UV_OFFLINE",
    "UV_PYTHON_DOWNLOADS",
    "UV_PYTHON_INSTALL_",
    "UV_REQUEST_TIMEOUT",
    "UV_SYSTEM_CERTS",
)
_INDEXES: Final = ("UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX")
_DROPPED: Final = ("CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")

_TOO_OLD: Final = ("error: unexpected argument", "error: unrecognized subcommand")

_OLDEST = 9  # minor version of Python in which the runner's own code runs

# The place where uv read a requirement: a pipe has no name.
_PIPED = re.compile(r"^Couldn't parse requirement in `-` at position \d+ |: -:\d+:\d+$")
_FULL_DISK = ("No space left on device", "Disk quota exceeded", "os error 28", "os error 122")
_READ_ONLY = ("Read-only file system", "Permission denied", "os error 30", "os error 13")
_NO_KEY = ("401 Unauthorized", "403 Forbidden")
_NO_NETWORK = (
    "error sending request",
    "dns error",
    "client error (Connect)",
    "Could not connect",
    "Couldn't connect",
    "Could not resolve host",
    "operation timed out",
    "network was disabled",
)


def find_uv() -> list[str]:
    """Return the command that is uv. Raises EnvironmentRefused where there is none."""
    if found := shutil.which("uv"):
        return [found]
    folder = Path(sys.prefix).parent / ".uv"  # where make puts it
    if (folder / "bin" / "uv").is_file():
        return [str(folder / "bin" / "uv")]
    if find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    raise EnvironmentRefused(
        f"the declared environment is made by uv, and there is none: {way_to_uv()}, or add"
        " --env-manager local to run in the runner's own environment"
    )


def way_to_uv() -> str:
    """Return how to get a uv that is found, for the end of a message."""
    folder = Path(sys.prefix).parent / ".uv"
    python = shlex.quote(sys.executable)
    install = f"{python} -m pip install uv"
    if find_spec("pip") is None:
        pip = shlex.quote(str(folder / "bin" / "pip"))
        install = f"{python} -m venv {shlex.quote(str(folder))} && {pip} install uv"
    return f"install it with `{install}`, or put one on PATH"


def run_uv(
    uv: Sequence[str],
    arguments: Sequence[str],
    *,
    folder: Path,
    log: Path,
    stdin: str = "",
    minor: str | None = None,
    keep_open: Sequence[int] = (),
) -> str:
    """Run uv in a folder of its own and return its standard output; what it prints on stderr goes
    to the log.

    `minor` is the Python version that is looked for in pyenv's folders too; `keep_open` are files
    that uv keeps open, so that a lock outlives whoever began it. Raises UvFailed, and
    EnvironmentRefused for a uv that is too old.
    """
    # Without this file uv takes overrides and the like from a project that the folder lies in.
    (folder / "pyproject.toml").write_text("[tool.uv]\n", encoding="utf-8")
    done = subprocess.run(
        [*uv, *arguments, "--color", "never", "--no-progress"],
        cwd=folder,
        env=variables(os.environ, minor),
        input=stdin,
        capture_output=True,
        pass_fds=keep_open,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    said = without_keys(done.stderr)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ uv {without_keys(' '.join(arguments))}\n{said}")
    if done.returncode:
        _check_age(uv, said)
        raise UvFailed(said)
    return done.stdout


def describe_uv() -> str:
    """Return a line on the uv that is there, and on the Pythons that it finds on this machine.

    Raises EnvironmentRefused where there is no uv, or where it doesn't run.
    """
    uv = find_uv()

    def ask(*arguments: str) -> str:
        try:
            done = subprocess.run(
                [*uv, *arguments],
                env=variables(os.environ, "3"),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            if isinstance(error, subprocess.CalledProcessError):
                _check_age(uv, error.stderr)
            raise EnvironmentRefused(
                f"{' '.join(uv)} does not run ({error}): install it anew"
            ) from None
        return done.stdout.strip()

    found = ask("python", "list", "--only-installed", "--offline", "--output-format", "json")
    parts = [python["version_parts"] for python in json.loads(found)]
    versions = sorted({(part["major"], part["minor"]) for part in parts})
    pythons = ", ".join(f"{major}.{minor}" for major, minor in versions if minor >= _OLDEST)
    return f"{ask('--version')}, {' '.join(uv)}; it finds Python {pythons}"


def _check_age(uv: Sequence[str], said: str) -> None:
    """Raise EnvironmentRefused for a uv that does not know what it is asked for."""
    if any(line.startswith(_TOO_OLD) for line in said.splitlines()):
        raise EnvironmentRefused(
            f"{' '.join(uv)} is too old, it doesn't know what it is asked for: get a later one in"
            " its place, or on PATH before it"
        )


class UvFailed(Exception):
    """uv ended with an error; the text is what it printed, without keys."""


def variables(shell: Mapping[str, str], minor: str | None = None) -> dict[str, str]:
    """Return the variables that uv runs with: the shell's, without what would change what is made.

    `minor` is a Python version whose folders of pyenv come after the others on PATH: uv doesn't
    look there by itself, and pyenv's own shims refuse versions that are not chosen.
    """
    kept = {
        name: value
        for name, value in shell.items()
        if name not in _DROPPED and (not name.startswith("UV_") or name.startswith(_KEPT))
    }
    if minor is not None:
        root = Path(shell.get("PYENV_ROOT") or Path.home() / ".pyenv")
        found = sorted((root / "versions").glob(f"{minor}.*/bin"))
        kept["PATH"] = os.pathsep.join([kept.get("PATH", os.defpath), *map(str, found)])
    return kept


def error_for(failed: UvFailed, declared: DeclaredEnvironment, log: Path) -> RunnerError:
    """Return the error for what uv refused, in one line with a way out."""
    said = str(failed)
    where = f" (all of it: {log})"
    if is_full_disk(said):
        return EnvironmentRefused(
            f"no space left on the disk for the environment of {declared.source}: free some, or"
            f" remove others with `runner venvs remove --unused`{where}"
        )
    if any(words in said for words in _READ_ONLY) and "[stderr]" not in said:
        return EnvironmentRefused(
            f"uv can't write what it makes of {declared.source}: {explanation(said)}; name a folder"
            f" that you can write to in UV_CACHE_DIR, or in RUNNER_HOME{where}"
        )
    if any(words in said for words in _NO_KEY):
        return EnvironmentRefused(
            f"an index that {declared.source} is made from wants another user or key:"
            f" {_line_with(said, _NO_KEY)}; check its address, and the variables in it{where}"
        )
    if any(words in said for words in _NO_NETWORK):
        return EnvironmentRefused(
            f"the packages that {declared.source} declares can't be fetched:"
            f" {explanation(said)}; check the network, or name an index with UV_DEFAULT_INDEX, or"
            f" add --env-manager local{_pips_index(os.environ)}{where}"
        )
    unknown = "was not found in the package registry" in said
    hint = _pips_index(os.environ) if unknown else ""
    return WrongUsage(f"{named_place(said, declared)}: {explanation(said)}{hint}{where}")


def _pips_index(shell: Mapping[str, str]) -> str:
    """Return a hint for a person who has told pip of an index, and uv of none."""
    if any(name.startswith(_INDEXES) for name in shell):
        return ""
    named = next((name for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL") if name in shell), None)
    named = named or next((str(file) for file in _pips_files(shell) if _names_index(file)), None)
    if named is None:
        return ""
    return f"; uv does not read {named}: name that index in UV_DEFAULT_INDEX or UV_INDEX"


def _pips_files(shell: Mapping[str, str]) -> list[Path]:
    """Return the files where pip on Linux looks for its configuration, the nearest first."""
    if (named := shell.get("PIP_CONFIG_FILE")) is not None:
        return [Path(named)]
    config = Path(shell.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [
        Path(sys.prefix, "pip.conf"),
        config / "pip/pip.conf",
        Path.home() / ".pip/pip.conf",
        Path("/etc/pip.conf"),
    ]


def _names_index(file: Path) -> bool:
    from configparser import Error, RawConfigParser

    parser = RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (OSError, UnicodeDecodeError, Error):
        return False
    return any(
        parser.has_option(section, option)
        for section in ("global", "install")
        for option in ("index-url", "extra-index-url")
    )


def is_full_disk(said: str) -> bool:
    return any(words in said for words in _FULL_DISK)


def explanation(said: str) -> str:
    """Return the telling lines of what uv printed, as one line of reasonable length."""
    lines = said.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("error:")]
    because = [number for number, line in enumerate(lines) if "Because " in line]
    told: list[str] = []
    for line in lines[(because or starts or [0])[0] :]:
        if line.startswith("hint:") or (told and not line.strip()):
            break
        told.append(line.strip().removeprefix("error:").removeprefix("cause:"))
    if because:
        told[0] = told[0][told[0].index("Because ") :]
    elif "[stderr]" in said:  # a package's own build failed
        printed = said.partition("[stderr]")[2].partition("\nhint:")[0].splitlines()
        lines = [line for line in printed if line.strip()]
        # An exception stands last; without one, the first lines name the cause.
        traced = any(line.strip().startswith(("Traceback", "error:")) for line in lines)
        told = [told[0], *(lines[-1:] if traced else lines[:2])]
    text = one_line(" ".join(line for line in told if line.strip(" ^")))
    text = _PIPED.sub("", text).removesuffix(".")
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"


def _line_with(said: str, words: Sequence[str]) -> str:
    return next(
        one_line(line.removeprefix("hint:"))
        for line in said.splitlines()
        if any(word in line for word in words)
    )


def named_place(said: str, declared: DeclaredEnvironment) -> str:
    """Return the file and line of the requirement that uv's explanation names first."""
    words = [normal(word) for word in re.findall(r"[A-Za-z0-9][A-Za-z0-9._-]*", explanation(said))]
    for requirement, place in declared.places.items():
        if name_of(requirement) in words:
            return place
    return declared.source
