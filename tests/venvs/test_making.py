"""Environments are made by a real uv, from an index on this machine."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from runner.errors import WrongUsage
from runner.venvs import cache
from runner.venvs.cache import Entry, entries
from runner.venvs.choosing import choose_interpreter
from runner.venvs.environment import DeclaredEnvironment
from runner.venvs.needs import Needs
from runner.venvs.python_version import own_version
from runner.venvs.reading import model_environment
from runner.venvs.requirements_file import read_lines, read_requirements, with_requirements
from runner.venvs.satisfied import installed_versions
from runner.venvs.uv import find_uv

from .wheels import Index, make_wheel, serve_index


def declared(folder: Path, text: str) -> DeclaredEnvironment:
    file = folder / "requirements.txt"
    file.write_text(text)
    found = read_requirements(read_lines(file))
    return with_requirements(DeclaredEnvironment(str(file)), found)


def made(home: Path, environment: DeclaredEnvironment) -> set[str]:
    """name==version of all that is in the environment that was made."""
    return set(entry(home, environment).venv.resolved)


def entry(home: Path, environment: DeclaredEnvironment) -> Entry:
    found = choose_interpreter(home, environment, "uv", needs=Needs(), log=lambda _: None)
    assert found.venv is not None
    return cache.entry(home, found.venv)


def test_an_extra_index_counts_as_much_as_the_first_as_with_pip(
    home: Path, index: Index, tmp_path: Path
) -> None:
    with serve_index(tmp_path / "more") as more:
        make_wheel(more.folder, "part", "3.0")
        text = f"--extra-index-url {more.url}\npart==1.0\ntool==1.0\n"
        with pytest.raises(WrongUsage):
            made(home, declared(tmp_path, text))
        text = f"--extra-index-url {more.url}\npart==2.0\ntool==1.0\n"
        assert made(home, declared(tmp_path, text)) == {"part==2.0", "tool==1.0"}


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize(
    ("file", "text"),
    [
        (
            "pyproject.toml",
            "[project]\nname = 'own'\nversion = '1'\n[tool.uv]\n"
            "override-dependencies = ['part==1.0']\npip.no-deps = true\n",
        ),
        ("uv.toml", "override-dependencies = ['part==1.0']\npip.no-deps = true\n"),
    ],
)
def test_what_a_project_sets_for_its_own_use_of_uv_changes_nothing_of_what_is_declared(
    tmp_path: Path, file: str, text: str
) -> None:
    (tmp_path / file).write_text(text)
    found = made(tmp_path / "home", declared(tmp_path, "tool==1.0\n"))
    assert found == {"part==2.0", "tool==1.0"}


def test_wheels_of_a_folder_are_found_without_an_index(home: Path, tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "own", "1.0")
    environment = declared(tmp_path, "--no-index\n--find-links wheels\nown\n")
    assert made(home, environment) == {"own==1.0"}
    make_wheel(tmp_path / "wheels", "own", "2.0")
    assert made(home, environment) == {"own==2.0"}


def test_a_wheel_of_a_folder_that_was_built_anew_is_installed_anew(
    home: Path, tmp_path: Path
) -> None:
    environment = declared(tmp_path, "--no-index\n--find-links wheels\nown\n")
    for code in ("first\n", "other\n"):
        make_wheel(tmp_path / "wheels", "own", "1.0", code=f"is_ = {code!r}\n")
        (module,) = entry(home, environment).folder.glob("venv/lib/*/site-packages/own.py")
        assert code.strip() in module.read_text()


@pytest.mark.parametrize("option", ["--config-settings", "--global-option", "-C"])
def test_an_option_of_pips_that_uv_does_not_take_with_a_requirement_is_named(
    home: Path, tmp_path: Path, option: str
) -> None:
    environment = declared(tmp_path, f"six\ntool==1.0 {option}=a\n")
    with pytest.raises(WrongUsage, match=f"requirements.txt:2: uv takes no {option} with"):
        made(home, environment)


def test_releases_before_the_final_one_are_taken_where_pre_says_so(
    home: Path, index: Index, tmp_path: Path
) -> None:
    make_wheel(index.folder, "early", "1.0")
    make_wheel(index.folder, "early", "2.0rc1")
    assert made(home, declared(tmp_path, "early\n")) == {"early==1.0"}
    assert made(home, declared(tmp_path, "early\n--pre\n")) == {"early==2.0rc1"}


def test_hashes_are_checked(home: Path, index: Index, tmp_path: Path) -> None:
    wheel = make_wheel(index.folder, "hashed", "1.0")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    right = declared(tmp_path, f"--require-hashes\nhashed==1.0 --hash=sha256:{digest}\n")
    assert made(home, right) == {"hashed==1.0"}
    wrong = declared(tmp_path, f"hashed==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(WrongUsage, match=r"[Hh]ash mismatch"):
        made(home, wrong)


def test_a_folder_is_installed_and_an_editable_one_stays_where_it_is(
    home: Path, tmp_path: Path
) -> None:
    project = tmp_path / "ours"
    project.mkdir()
    (project / "ours.py").write_text("value = 1\n")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "ours"\nversion = "1.0"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (project / "backend.py").write_text(BACKEND)
    (project / "again").symlink_to(project)  # a folder may lead back to itself
    assert made(home, declared(tmp_path, "./ours\n")) == {"ours==1.0"}
    editable = entry(home, declared(tmp_path, "-e ours\n"))
    assert editable.venv.resolved == ("ours==1.0",)
    assert not list(editable.folder.glob("venv/lib/*/site-packages/ours.py"))
    assert made(home, declared(tmp_path, "-e ours\n")) == {"ours==1.0"}
    (project / "ours.py").write_text("value = 2\n")
    anew = entry(home, declared(tmp_path, "./ours\n"))
    assert len(entries(home)) == 3  # what is copied is made anew when its content changes
    (module,) = anew.folder.glob("venv/lib/*/site-packages/ours.py")
    assert module.read_text() == "value = 2\n"


# As small as a build backend can be, so that none has to be fetched.
BACKEND = """
import zipfile
from pathlib import Path

HERE = Path(__file__).parent

def _build(folder, files):
    info = "ours-1.0.dist-info"
    files = files | {
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: ours\\nVersion: 1.0\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\\n" for name in [*files, f"{info}/RECORD"])
    name = "ours-1.0-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        for file, text in files.items():
            wheel.writestr(file, text)
    return name

def build_wheel(folder, settings=None, metadata=None):
    return _build(folder, {"ours.py": (HERE / "ours.py").read_text()})

def build_editable(folder, settings=None, metadata=None):
    return _build(folder, {"ours.pth": str(HERE)})
"""


def test_a_model_gets_the_packages_that_mlflow_gives_it_by_uv(
    home: Path, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.utils.virtualenv import _get_or_create_virtualenv

    make_wheel(index.folder, "builder", "1.0")
    model = tmp_path / "model"
    model.mkdir()
    (model / "MLmodel").write_text("flavors:\n  python_function: {loader_module: x}\n")
    (model / "python_env.yaml").write_text(
        f"python: {own_version()}\nbuild_dependencies:\n- builder\ndependencies:\n"
        "- -r requirements.txt\n"
    )
    (model / "requirements.txt").write_text("tool  # with what it needs\n-c constraints.txt\n")
    (model / "constraints.txt").write_text("tool<1.1\nrival==1.0\n")
    environment = model_environment(model)
    assert environment is not None
    uv = Path(find_uv()[0]).parent
    monkeypatch.setenv("PATH", f"{uv}{os.pathsep}{os.environ['PATH']}")
    theirs = tmp_path / "theirs"
    monkeypatch.setenv("MLFLOW_ENV_ROOT", str(theirs))
    _get_or_create_virtualenv(model, env_manager="uv", capture_output=True)
    folders = map(str, theirs.glob("*/lib/python*/site-packages"))
    packages = {f"{name}=={version}" for name, version in installed_versions(folders).items()}
    assert made(home, environment) == packages == {"builder==1.0", "part==2.0", "tool==1.0"}
