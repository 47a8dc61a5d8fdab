"""A document's fenced blocks, and somebody who takes them one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.walks.shell import Shell, Stumbled

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_ANY = "…"  # stands for any text in a line; by itself on a line for any lines


@dataclass(frozen=True)
class Block:
    """One fenced block: its language and its text."""

    kind: str
    text: str


def read_sections(document: Path) -> dict[str, list[Block]]:
    """Give the blocks of each section that has any, by its heading, as they stand."""
    parts = _SECTION.split(document.read_text())[1:]
    titles, texts = parts[::2], parts[1::2]
    found = {
        title: [Block(*found) for found in _BLOCK.findall(text)]
        for title, text in zip(titles, texts, strict=True)
    }
    return {title: blocks for title, blocks in found.items() if blocks}


@dataclass
class Reader:
    """Somebody who does what a document says, in the folder of a shell.

    Commands (`bash`) are run, and end the walk where one fails. Files (`yaml` that begins with
    `# NAME`) are written, changes (`diff`) made. What is shown (`text`) has to be in what the
    commands before it printed.
    """

    shell: Shell
    printed: str = ""  # by the last commands, stdout and stderr

    @property
    def folder(self) -> Path:
        """Return the folder in which everything happens."""
        return self.shell.folder

    def follow(self, blocks: Iterable[Block]) -> None:
        """Do what each block says. Raises Stumbled where it isn't so."""
        for block in blocks:
            match block.kind:
                case "bash":
                    self.printed = self.shell.run(block.text)
                case "yaml":
                    self._write(block.text)
                case "diff":
                    self._change(block.text)
                case "text":
                    self._compare(block.text)
                case other:
                    raise Stumbled(f"nobody knows what to do with a block of {other}")

    def _compare(self, shown: str) -> None:
        if not _pattern(shown).search(self.printed):
            raise Stumbled(f"{shown}\nis not in\n{self.printed}")

    def _write(self, text: str) -> None:
        name, _, content = text.removeprefix("# ").partition("\n")
        (self.folder / name).write_text(content)

    def _change(self, text: str) -> None:
        head, _, *lines = text.splitlines(keepends=True)
        file = self.folder / head.removeprefix("--- ").strip()
        before = "".join(line[1:] for line in lines if not line.startswith("+"))
        after = "".join(line[1:] for line in lines if not line.startswith("-"))
        content = file.read_text()
        if content.count(before) != 1:
            raise Stumbled(f"{before}\nis not exactly once in {file.name}:\n{content}")
        file.write_text(content.replace(before, after))


def _pattern(shown: str) -> re.Pattern[str]:
    lines = [r"(?:.*\n)*?" if line.strip() == _ANY else _line(line) for line in shown.splitlines()]
    return re.compile("^" + "".join(lines), re.MULTILINE)


def _line(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.rstrip().split(_ANY)) + r"[ ]*\n"
