"""The abilities of this platform's workspaces."""

from __future__ import annotations

from runner.workspace.abilities import Abilities

ABILITIES = Abilities(resumes=True)
