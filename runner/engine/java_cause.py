"""Finding what went wrong in a JVM in the long texts that Spark raises."""

from __future__ import annotations

import re

from runner.engine.last_words import last_words
from runner.engine.text import one_line

# The last of these that says something: what wraps it repeats it, with the frames of a stack.
_CAUSE = re.compile(
    r"^Caused by: (?:[\w$]+\.)*([\w$]+): (.+?)(?=^\s+(?:at |\.\.\. )|^Caused by: |\Z)",
    re.MULTILINE | re.DOTALL,
)


def java_cause(error: BaseException) -> str | None:
    """Return the cause of an error of Spark's in one line; None where it tells none, and for
    others.

    Where Python code failed in one of Spark's workers, that is the exception it raised.
    """
    if type(error).__module__.partition(".")[0] not in ("py4j", "pyspark"):
        return None
    text = str(error)
    if found := last_words(text):
        return found
    causes = _CAUSE.findall(text)
    if not causes:
        return None
    name, message = causes[-1]
    return f"{name}: {one_line(message)}"
