"""One shell that lives through many blocks of commands, as a person's does."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

SECONDS = 300  # that one block may take


class Stumbled(AssertionError):
    """What a document says is not so."""


class Shell:
    """A bash that stops at the first command that fails. `with Shell.open(...) as shell: ...`"""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self._end = secrets.token_hex(16)
        self._process = subprocess.Popen(
            ["bash", "-euo", "pipefail"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @classmethod
    @contextmanager
    def open(cls, folder: Path, environment: Mapping[str, str]) -> Iterator[Self]:
        """Open a shell in a folder; at the end whatever still runs in it is ended."""
        shell = cls(folder, environment)
        try:
            yield shell
        finally:
            shell._close()

    def run(self, commands: str, seconds: float = SECONDS) -> str:
        """Run commands and return what was printed meanwhile, stdout and stderr.

        Raises Stumbled with all of it where a command fails or all take too long; the shell is
        over then.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        block = self.folder / ".block"
        block.write_text(commands)
        # What the commands leave without an end of line must not hide the mark.
        mark = f"printf '\\n%s\\n' {self._end}"
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"source .block </dev/null\n{mark}\n")
            self._process.stdin.flush()
        lines: list[str] = []
        clock = threading.Timer(seconds, self._kill)
        clock.start()
        try:
            for line in self._process.stdout:
                if line.strip() == self._end:
                    return "".join(lines).removesuffix("\n")
                lines.append(line)
            ended = self._process.wait()
        finally:
            clock.cancel()
        how = "took too long" if ended == -signal.SIGKILL else f"ended with {ended}"
        raise Stumbled(f"{commands}\n{how}:\n{''.join(lines)}")

    def _close(self) -> None:
        self._kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
