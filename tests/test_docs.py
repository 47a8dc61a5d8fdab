"""What the documents say is true: their command lines run, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.projects import ROOT, ScratchProject, add_diabetes

README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
TEAMS = ROOT / "docs" / "guides" / "teams.md"
DOCUMENTS = [README, CONTRIBUTING, ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ROOM = re.compile(r"^\| `(runner/[\w/]*/)` \| (.*) \|$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")

# These make an environment and work in it: .ci/run runs them, in clean clones.
BY_CI = ("make score", "make test", "make check", "uv venv", "uv pip install")
# Takes minutes, and a machine with nothing else to do; tests/benchmarks has its parts.
BY_HAND = ("make bench",)


def commands(document: Path) -> list[str]:
    lines = "".join(_BLOCK.findall(document.read_text())).splitlines()
    return [text for line in lines if (text := line.partition("#")[0].strip())]


RUNNER_LINES = sorted(
    {
        line.removeprefix("uv run --no-sync ")
        for document in DOCUMENTS
        for line in commands(document)
        if not line.startswith((*BY_CI, *BY_HAND))
    }
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> ScratchProject:
    """Return a copy of this project's sample in which a job has been run."""
    project = make_sample(tmp_path_factory.mktemp("sample"))
    assert project.run("score").returncode == 0
    return project


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> ScratchProject:
    """Return the sample with the README's own model beside it."""
    project = make_sample(tmp_path_factory.mktemp("extended"))
    for name, text in _FILE.findall(README.read_text()):
        project.write(name, text)
    shutil.copytree(ROOT / "models/diabetes/model", project.root / "models/churn/model")
    shutil.copytree(ROOT / "data/diabetes/unlabeled", project.root / "data/churn")
    return project


def make_sample(root: Path) -> ScratchProject:
    project = ScratchProject(root)
    project.write("Pulumi.yaml", "name: sample\nruntime: python\n")
    add_diabetes(project)
    return project


@pytest.mark.parametrize("line", RUNNER_LINES)
def test_a_command_line_of_the_documents_does_what_it_says(
    line: str, request: pytest.FixtureRequest
) -> None:
    program, *words = shlex.split(line)
    assert program == "runner", f"{line}: neither a runner command nor one that CI runs"
    project = request.getfixturevalue("extended" if "churn" in line else "sample")
    done = project.run(*words)
    assert done.returncode == 0, done.stderr


def test_the_readmes_own_model_needs_its_three_files_and_scores(extended: ScratchProject) -> None:
    written = {name for name, _ in _FILE.findall(README.read_text())}
    assert written == {
        f"models/churn/{name}.yml" for name in ("model", "batch-endpoint", "batch-deployment")
    }
    line = next(line for line in RUNNER_LINES if "churn" in line)
    summary = extended.json(*shlex.split(line)[1:])
    assert (summary["status"], summary["rows"], summary["failed_files"]) == ("Completed", 400, 0)


@pytest.mark.parametrize("line", BY_CI)
def test_what_is_left_to_ci_is_run_by_it(line: str) -> None:
    script = (ROOT / ".ci" / "run").read_text()
    if line.startswith("make"):
        assert re.search(rf"^[^#]*\bmake\b.* {line.split()[1]}\b", script, re.MULTILINE)
    else:
        assert any(command.startswith(line) for command in commands(README))
        assert "grep '^uv '" in script


@pytest.mark.parametrize(
    "document", [*DOCUMENTS, ROOT / "CHANGELOG.md"], ids=lambda path: path.name
)
def test_no_document_has_a_gap_left_to_fill(document: Path) -> None:
    assert re.findall(r"@[A-Z]+@", document.read_text()) == []


def test_the_rooms_of_the_architecture_and_what_is_named_in_them_exist() -> None:
    rooms = _ROOM.findall((ROOT / "docs" / "architecture.md").read_text())
    assert len(rooms) >= 5
    for room, text in rooms:
        names = re.findall(r"`(\w+)`", text)
        assert (ROOT / room).is_dir(), room
        for name in names:
            assert (ROOT / room / f"{name}.py").is_file(), f"{room}{name}"


def test_the_files_that_a_change_is_made_in_exist() -> None:
    changes = re.split(r"^### ", CONTRIBUTING.read_text(), flags=re.MULTILINE)[1:]
    assert len(changes) == 12
    for change in changes:
        files = re.findall(r"`((?:runner|infra|tests)/[\w/]+\.?\w*/?)`", change)
        assert len(files) >= 2, change
        for file in files:
            assert (ROOT / file).exists(), file


def test_the_owners_on_the_page_on_teams_own_what_exists_the_narrowest_last() -> None:
    (text,) = re.findall(r"^```text\n(\* .*?)^```", TEAMS.read_text(), re.MULTILINE | re.DOTALL)
    (every, *_), *rest = [line.split() for line in text.splitlines()]
    assert every == "*"
    above: list[str] = []
    for path, *owners in rest:
        place = ROOT / path.lstrip("/")
        assert path.startswith("/"), f"{path} would fit in every folder"
        assert place.exists(), path
        assert path.endswith("/") is place.is_dir(), path
        assert owners, path
        assert not any(wider.startswith(path) for wider in above), f"{path} hides a line above"
        above.append(path)
    assert {"/infra/policies/", "/.github/", "/Pulumi.prod.yaml"} <= {*above}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in _LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("target", ["score", "test", "check", "bench"])
def test_the_readmes_make_targets_exist(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_locks_pin_every_package_by_hash_and_name_no_address() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        text = lock.read_text()
        pins = re.findall(r"^\S+==\S+.*$", text, re.MULTILINE)
        assert pins, lock.name
        assert "//" not in text, lock.name
        for entry in re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]:
            assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_what_scores_is_what_the_tests_ran_with() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return set(re.findall(r"^(\S+==[^\s;\\]+)", text, re.MULTILINE))

    assert pins("score.txt") <= pins("dev.txt")
