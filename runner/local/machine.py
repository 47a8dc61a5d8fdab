"""Where a process number means something: in its process namespace, of one start of a machine.

Both are compared as texts; they tell nothing else.
"""

from __future__ import annotations

import os
from pathlib import Path


def running_kernel() -> str:
    """The kernel that runs this process, as no other machine and no other start of it has it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename  # there is no /proc on macOS


def process_namespace() -> str:
    """In which this process's own number is one of its own: a container has another."""
    try:
        return f"{running_kernel()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - no file
    except OSError:
        return running_kernel()
