"""The command that installs a package, as it can be typed on this machine."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path


def installed_by(requirements: str) -> str:
    """`uv pip install` with these arguments in backquotes, for the end of an error message.

    Where no uv is on PATH but make has fetched one beside the environment, that one is named: an
    environment that uv made holds no pip.
    """
    fetched = Path(sys.prefix).parent / ".uv" / "bin" / "uv"
    uv = "uv" if shutil.which("uv") or not fetched.exists() else shlex.quote(str(fetched))
    return f"`{uv} pip install {requirements}`"
