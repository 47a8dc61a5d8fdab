"""The parts of jobs that all workspaces share: kinds, folders, addresses, inputs and results."""
