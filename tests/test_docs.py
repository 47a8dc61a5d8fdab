"""What the documents say is true: their command lines run, their links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.projects import ROOT, ScratchProject, add_diabetes

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")

# These make the environment that the tests run in; .ci/run runs them from an empty clone.
BY_CI = ("make score", "make test", "make check", "make bench", "uv venv", "uv pip install")


def commands(document: Path) -> list[str]:
    lines = "".join(_BLOCK.findall(document.read_text())).splitlines()
    return [text for line in lines if (text := line.partition("#")[0].strip())]


RUNNER_LINES = sorted(
    {
        line.removeprefix("uv run --no-sync ")
        for document in DOCUMENTS
        for line in commands(document)
        if not line.startswith(BY_CI)
    }
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> ScratchProject:
    """A copy of this project's sample in which a job has been run."""
    project = ScratchProject(tmp_path_factory.mktemp("sample"))
    project.write("Pulumi.yaml", "name: sample\nruntime: python\n")
    add_diabetes(project)
    assert project.run("score").returncode == 0
    return project


@pytest.mark.parametrize("line", RUNNER_LINES)
def test_a_command_line_of_the_documents_does_what_it_says(
    sample: ScratchProject, line: str
) -> None:
    program, *words = shlex.split(line)
    assert program == "runner", f"{line}: neither a runner command nor one that CI runs"
    done = sample.run(*words)
    assert done.returncode == 0, done.stderr


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
