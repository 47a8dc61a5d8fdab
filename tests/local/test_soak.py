"""Some of the jobs of `scripts/soak`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from .killing.soak import opened

JOBS, SEED = 60, 3


@pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None,
    reason="jobs are killed by a library that Linux preloads and a C compiler makes",
)
def test_jobs_killed_at_any_system_call_and_damaged_come_to_the_same(tmp_path: Path) -> None:
    with opened(tmp_path, SEED) as soak:
        killed = list(soak.run(JOBS))
    assert [job for job in killed if job.wrong] == [], f"seed {SEED}"
    assert sum(job.was_killed for job in killed) > 0.95 * JOBS
    assert sum(job.damaged is not None for job in killed) >= 3
    # Where nothing is damaged, whatever the step, one resume completes the job.
    assert max(job.resumes for job in killed if job.damaged is None) == 1
