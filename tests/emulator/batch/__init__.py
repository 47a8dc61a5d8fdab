"""Jobs of the stand-in, which really run: invocations of batch endpoints, and commands."""
