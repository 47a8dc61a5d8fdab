"""What this platform's workspaces can do."""

from __future__ import annotations

from runner.workspace.abilities import Abilities

ABILITIES = Abilities(resumes=True)
