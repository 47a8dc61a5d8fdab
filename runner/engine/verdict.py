"""The rules by which an attempt is run again, done or failed, and a job fails, as on Azure.

Only these rules: `run` acts by them, and `journal.Standing` adds up what the attempts came to.
"""

from __future__ import annotations

from runner.engine.attempt import Outcome
from runner.engine.plan import Settings


def outcome(settings: Settings, attempt: int, *, answered: bool, again: bool) -> Outcome:
    """Return the outcome of an attempt, the first of which is number 1.

    `answered` tells whether the driver gave a result, of which single files may have failed, and
    `again` whether another attempt may do better, as after a timeout or an exception.
    """
    if again and attempt <= settings.max_retries:
        return "retried"
    return "done" if answered else "failed"


def too_many_failed(settings: Settings, failed_files: int) -> bool:
    """Tell whether a job fails because so many files were lost for good in this run of it."""
    return 0 <= settings.error_threshold < failed_files


def nothing_scored(files: int, failed_files: int) -> bool:
    """Tell whether a job fails because no file came through, whatever it was told to tolerate."""
    return failed_files >= files
