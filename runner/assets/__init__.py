"""The parts of assets that all workspaces share: their kinds, rules, content and registration."""
