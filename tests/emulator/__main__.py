"""`python -m tests.emulator FOLDER`: a cloud for the shell. Ends on SIGTERM or Ctrl+C."""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from pathlib import Path

from tests.emulator.emulator import Emulator


def main() -> int:
    """Print the environment as `export` lines, then serve until told to stop."""
    if len(sys.argv) != 2:
        print("usage: python -m tests.emulator FOLDER", file=sys.stderr)
        return 2
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with Emulator.start(Path(sys.argv[1])) as emulator:
        for name, value in emulator.environment.items():
            print(f"export {name}={shlex.quote(value)}")
        sys.stdout.flush()
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
