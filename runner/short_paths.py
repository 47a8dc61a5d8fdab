"""Shortens the paths in a text as far as a reader still finds them."""

from __future__ import annotations

import os
from pathlib import Path


def shorten_paths(text: str, folder: Path) -> str:
    """Return the text with each path below an absolute folder as it is seen from there."""
    import re

    if folder == Path(folder.anchor):
        return text  # one character would be won, and `//` of an address lost
    # Only where a path begins: /srv/a is no part of /var/srv/a.
    return re.sub(rf"(?<![^\s'\"`(\[=,:;]){re.escape(f'{folder}{os.sep}')}(?=[^\s'\"`])", "", text)
