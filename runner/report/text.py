"""Words and figures as the page shows them, ready to stand in HTML."""

from __future__ import annotations

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def escape(text: str) -> str:
    return text.translate(_ESCAPES)


def shown(text: str, longest: int = 600) -> str:
    """Return any text, escaped, cut in its middle where it is too long."""
    return escape(_shorten(_visible(text), longest))


def name_tag(name: str) -> str:
    """Return a name that gives way in its middle where it is too long, whole in its title."""
    short = _shorten(_visible(name), 120)
    cut = len(short) - 10 if len(short) > 14 else len(short)
    head, tail = short[:cut], short[cut:]
    spans = "".join(f"<span>{escape(part)}</span>" for part in (head, tail) if part)
    title = f' title="{shown(name)}"' if tail else ""
    return f'<div class="name"{title}>{spans}</div>'


def _visible(text: str) -> str:
    """Spell out what can't be shown: control characters, bytes that are no UTF-8."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _code(sign) for sign in text)


def _code(character: str) -> str:
    point = ord(character)
    if 0xDC80 <= point <= 0xDCFF:  # a byte that `surrogateescape` carried along
        return f"\\x{point - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _shorten(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 1]}…{text[-tail:]}"


def number(value: float) -> str:
    if abs(value) < 1e15 and value == int(value):
        return f"{int(value):,}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.6g}"


def share(part: int, whole: int) -> str:
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.1:
        return "&lt;&nbsp;0.1&nbsp;%"
    if 99.9 < percent < 100:
        return "&gt;&nbsp;99.9&nbsp;%"
    return (
        f"{percent:.2f}&nbsp;%" if percent < 1 else f"{percent:.1f}&nbsp;%".replace("100.0", "100")
    )


def duration(seconds: float) -> str:
    """Return seconds as people read them: 0.034 s, 12.3 s, 3 min 20 s, 2 h 13 min."""
    if seconds < 59.95:
        digits = 3 if seconds < 0.0995 else 2 if seconds < 9.995 else 1
        return f"{seconds:.{digits}f}&nbsp;s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}&nbsp;min {whole % 60}&nbsp;s"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,}&nbsp;h {minutes % 60}&nbsp;min"


def moment(iso: str) -> str:
    """Return a time of day from ISO 8601 in UTC, to the second."""
    return f'<time datetime="{shown(iso)}">{shown(iso[:19].replace("T", " "))} UTC</time>'
