"""Batch scoring of the stand-in: an invocation becomes a job, which really runs."""
