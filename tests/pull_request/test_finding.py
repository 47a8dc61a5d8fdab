"""What two commits differ in, of pins and of models' files, whatever lies in them."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from runner.errors import WrongUsage
from runner.pull_request.changes import Change, Changes, read_changes
from runner.pull_request.finding import find_changes
from tests.pull_request.repository import PROJECT, commit, git, stack, write


def found(tmp_path: Path, files: dict[str, str], before: dict[str, str] | None = None) -> Changes:
    """Return what a branch with other files changes."""
    root = tmp_path / "project"
    write(root, PROJECT | (before or {}))
    base = commit(root)
    write(root, files)
    head = commit(root)
    changes = find_changes(root, base, head, tmp_path / "changes")
    assert read_changes(tmp_path / "changes") == changes
    return changes


def pin(old: str | None, new: str | None, environment: str = "dev") -> Change:
    return Change("greeting", environment, "echo", "main", "echo/main", old, new)


def test_a_pin_that_changes_is_found_with_its_deployment(tmp_path: Path) -> None:
    files = {"Pulumi.dev.yaml": stack("echo/main=azureml:greeting:3")}
    changes = found(tmp_path, files)
    assert changes.changes == (pin("azureml:greeting:2", "azureml:greeting:3"),)
    assert changes.problems == ()
    with tarfile.open(tmp_path / "changes/source.tar") as tar:
        assert "models/echo/model.yml" in tar.getnames()


def test_a_pin_that_is_removed_or_added_and_a_stack_file_that_is_new_are_told(
    tmp_path: Path,
) -> None:
    files = {
        "Pulumi.dev.yaml": stack(),
        "Pulumi.prod.yaml": stack("echo/main=azureml:greeting:1"),
        "Pulumi.local.yaml": stack("echo/main=azureml:greeting:1"),
    }
    removed, added = found(tmp_path, files).changes
    assert removed == pin("azureml:greeting:2", None)
    assert added == pin(None, "azureml:greeting:1", "prod")


def test_a_pin_that_moves_to_another_model_has_the_name_of_the_new_one(tmp_path: Path) -> None:
    (change,) = found(tmp_path, {"Pulumi.dev.yaml": stack("echo/main=azureml:other:1")}).changes
    assert (change.model, change.endpoint) == ("other", "echo")
    assert (change.old, change.new) == ("azureml:greeting:2", "azureml:other:1")


@pytest.mark.parametrize("text", ["config: [", "- a\n", "config: {a: &a [*a]}\n", "\x00"])
def test_a_stack_file_that_cant_be_read_is_named_and_its_pins_are_no_change(
    tmp_path: Path, text: str
) -> None:
    changes = found(tmp_path, {"Pulumi.dev.yaml": text})
    assert changes.changes == ()
    assert changes.problems[0].startswith("Pulumi.dev.yaml")
    assert str(tmp_path) not in changes.problems[0]


def test_a_model_with_other_files_is_found_and_its_old_ones_are_kept(tmp_path: Path) -> None:
    changes = found(tmp_path, {"models/echo/greeting/greeting.txt": "good day\n"})
    (change,) = changes.changes
    path = "models/echo/greeting"
    assert change == Change("greeting", None, "echo", "main", "", path, path)
    with tarfile.open(tmp_path / "changes/before-0.tar") as tar:
        file = tar.extractfile("greeting/greeting.txt")
        assert file is not None
        assert file.read() == b"hello\n"


def test_a_model_that_is_new_or_gone_has_nothing_beside_it(tmp_path: Path) -> None:
    model = PROJECT["models/echo/model.yml"].replace("greeting", "other")
    files = {"models/new/model.yml": model, "models/new/other/a.txt": "a\n"}
    (added,) = found(tmp_path, files).changes
    assert (added.model, added.old, added.new) == ("other", None, "models/new/other")
    assert added.endpoint is None
    root = tmp_path / "project"
    head = git(root, "rev-parse", "HEAD")
    git(root, "rm", "-r", "--quiet", "models/new")
    (gone,) = find_changes(root, head, commit(root), tmp_path / "more").changes
    assert (gone.old, gone.new) == ("models/new/other", None)


def test_what_changes_elsewhere_is_none_and_what_the_target_did_meanwhile_neither(
    tmp_path: Path,
) -> None:
    root = tmp_path / "project"
    write(root, PROJECT)
    commit(root)
    git(root, "checkout", "--quiet", "-b", "branch")
    write(root, {"README.md": "more\n", "models/echo/code/score.py": "# other\n"})
    head = commit(root)
    git(root, "checkout", "--quiet", "main")
    write(root, {"Pulumi.dev.yaml": stack("echo/main=azureml:greeting:9")})
    base = commit(root)
    assert find_changes(root, base, head, tmp_path / "changes").changes == ()


def test_links_and_declarations_that_are_wrong_do_no_harm(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(root, PROJECT)
    base = commit(root)
    (root / "models/echo/greeting/greeting.txt").unlink()
    (root / "models/echo/greeting/greeting.txt").symlink_to("/etc/passwd")
    (root / "Pulumi.prod.yaml").symlink_to("/etc/passwd")
    write(root, {"models/bad/model.yml": "$schema: x/model.schema.json\nname: [\n"})
    changes = find_changes(root, base, commit(root), tmp_path / "changes")
    assert any(problem.startswith("models/bad/model.yml") for problem in changes.problems)
    assert "root:" not in str(changes)


def test_a_commit_that_git_does_not_know_is_told(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    base = commit(tmp_path)
    for name in ("f" * 40, "--upload-pack=x"):
        with pytest.raises(WrongUsage, match="fetch the commits"):
            find_changes(tmp_path, base, name, tmp_path / "changes")
