"""Durations as Azure takes and shows them: ISO 8601, in hours, minutes and seconds."""


def seconds(count: int) -> str:
    """Return whole seconds as a duration: 300 is `PT5M`, 90 is `PT1M30S`, 0 is `PT0S`."""
    return milliseconds(count * 1000)


def milliseconds(count: int) -> str:
    """Return milliseconds as a duration: 500 is `PT0.5S`, 5000 is `PT5S`."""
    minutes, rest = divmod(count, 60_000)
    hours, minutes = divmod(minutes, 60)
    number = f"{rest / 1000:.3f}".rstrip("0").rstrip(".")
    parts = [f"{hours}H" if hours else "", f"{minutes}M" if minutes else ""]
    if rest or not count:
        parts.append(f"{number}S")
    return "PT" + "".join(parts)
