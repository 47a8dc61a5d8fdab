"""A section of the page: its title and notes on one side, what it shows on the other."""

from __future__ import annotations

from collections.abc import Iterable


def section(title: str, notes: Iterable[str], content: str) -> str:
    """Return a section; notes that are empty are left out."""
    said = "".join(f'<p class="note">{note}</p>' for note in notes if note)
    return f"<section><div><h2>{title}</h2>{said}</div><div>{content}</div></section>"


def counted(items: Iterable[tuple[int, str]]) -> str:
    """List things, each behind how often it happened."""
    return '<ul class="counted">{}</ul>'.format(
        "".join(
            f'<li><b class="num">{count:,}</b> <span>{said}</span></li>' for count, said in items
        )
    )
