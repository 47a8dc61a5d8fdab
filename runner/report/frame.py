"""The frame of a page: its style, its script and the policy that forbids the network."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runner.report.text import shown


def framed(name: str, status: str, head: str, sections: Iterable[str], script: str = "") -> str:
    """Return a whole page, which is valid UTF-8 whatever the names in it hold."""
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{shown(f'{name} · {status}')}</title>",
            f"<style>{asset('page.css')}</style>",
            f'<body class="{shown(status)}"><div class="wrap">',
            head,
            "<main>",
            *sections,
            "</main></div>",
            f"<script>{script}</script>" if script else "",
            "</body></html>\n",
        ]
    )


def asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Return the policy that forbids every request and allows this very script, if any."""
    rules = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    if script:
        import binascii
        import hashlib

        digest = hashlib.sha256(script.encode()).digest()
        rules += f"script-src 'sha256-{binascii.b2a_base64(digest, newline=False).decode()}'; "
    return rules + "base-uri 'none'; form-action 'none'"
