"""A process number is valid in one process namespace, during one start of one machine.

Its functions return texts, which are only compared.
"""

from __future__ import annotations

import os
from pathlib import Path


def running_kernel() -> str:
    """Return the id of this start of this machine."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename  # there is no /proc on macOS


def process_namespace() -> str:
    """Return the namespace of this process's number; a container has one of its own."""
    try:
        return f"{running_kernel()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file
    except OSError:
        return running_kernel()
