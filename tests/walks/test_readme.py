"""The README's commands for Azure, as they are printed, on a subscription that has nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.emulator import Emulator
from tests.infra.engine.stack import Pulumi, make_project
from tests.projects import ROOT
from tests.walks.conftest import terminal
from tests.walks.document import Reader, read_sections
from tests.walks.shell import Shell

COMMANDS = read_sections(ROOT / "README.md")["On Azure"]


def test_an_empty_subscription_scores_after_the_readme_s_commands(
    pulumi: Pulumi, scoring_emulator: Emulator, tmp_path: Path
) -> None:
    folder = make_project(tmp_path / "project", pinned=False)
    shutil.copytree(ROOT / "data", folder / "data")
    (folder / "scripts").symlink_to(ROOT / "scripts")
    # The cloud has the walks' own project too. Its roles hold at once, and the packages are there.
    project, stack = folder / "Pulumi.yaml", folder / "Pulumi.dev.yaml"
    project.write_text(project.read_text().replace("name: scoring", "name: readme"))
    stack.write_text(stack.read_text() + "  scoring:roleSettlingSeconds: 0\n")
    environment = terminal(pulumi, scoring_emulator, tmp_path / "bin")
    (tmp_path / "bin" / "make").symlink_to("/bin/true")

    with Shell.open(folder, environment) as shell:
        reader = Reader(shell)
        reader.follow(COMMANDS)
    scoring_emulator.arm("DELETE", "/resourceGroups/readme-dev")
    assert re.search(r"^status +Completed\nrows +400$", reader.printed, re.MULTILINE)
