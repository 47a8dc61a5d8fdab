"""The abilities of the workspaces of this platform."""

from __future__ import annotations

from runner.workspace.abilities import Abilities

ABILITIES = Abilities(
    serves=True,
    makes_venvs=True,
    resumes=True,
    removes_jobs=True,
    begins_at_once=True,
    stores_files=True,
)
