"""The parts that the workspaces of all cloud platforms share; no platform is named in them."""
