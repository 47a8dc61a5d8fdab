"""`python -m tests.walks.demo`: the README's commands for Azure, on a stand-in for it.

There is nothing to sign up for and nothing to pay: the cloud is on this machine, and its jobs
really run. It lives as long as the commands do; what they fetched from it stays.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.emulator import Emulator
from tests.emulator.batch.plugged import scoring
from tests.infra.engine.stack import Pulumi, Unavailable, make_project
from tests.projects import ROOT
from tests.walks.document import Block, Reader, read_sections
from tests.walks.shell import Shell, Stumbled
from tests.walks.terminal import terminal

# The README's block, and a look at the job that its last command ran.
COMMANDS = (
    *read_sections(ROOT / "README.md")["On Azure"],
    Block("bash", "runner jobs show --env dev\n"),
)
PROJECT = "demo"


def main() -> int:
    """Deploy, register and score in a folder of its own. Return 1 where a command fails."""
    folder = Path(tempfile.mkdtemp(prefix="demo-azure-"))
    print(f"A stand-in for Azure on this machine, and a copy of the project in {folder}")
    try:
        pulumi = Pulumi.find(folder / "pulumi", build=True)
        with Emulator.start(folder / "azure") as emulator, scoring(emulator):
            walk(pulumi, emulator, folder, show=print)
    except (Unavailable, Stumbled) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The stand-in has ended. The job's files are in {folder / 'project' / '.runner'}")
    return 0


def walk(pulumi: Pulumi, emulator: Emulator, folder: Path, show: Callable[[str], object]) -> str:
    """Run the commands one after the other, and show each with what it prints, which is returned.

    Raises Stumbled where one fails.
    """
    project = make_project(folder / "project", pinned=False)
    shutil.copytree(ROOT / "data", project / "data")
    (project / "scripts").symlink_to(ROOT / "scripts")
    # A cloud that has other projects, too, tells this one by its name. Its roles hold at once.
    file, stack = project / "Pulumi.yaml", project / "Pulumi.dev.yaml"
    file.write_text(file.read_text().replace("name: scoring", f"name: {PROJECT}"))
    stack.write_text(stack.read_text() + "  scoring:roleSettlingSeconds: 0\n")
    environment = terminal(pulumi, emulator, folder / "bin")
    (folder / "bin" / "make").symlink_to("/bin/true")  # whose packages are there

    printed = []
    with Shell.open(project, environment) as shell:
        reader = Reader(shell)
        for block in COMMANDS:
            for line in block.text.splitlines():
                show(f"$ {line}")
                reader.follow([Block(block.kind, line + "\n")])
                show(reader.printed)
                printed.append(reader.printed)
    return "\n".join(printed)


if __name__ == "__main__":
    sys.exit(main())
