"""Serves the stand-in for Databricks' plugin."""

from __future__ import annotations

from tests.emulator.databricks_plugin.provider import DatabricksProvider
from tests.emulator.plugin.serving import serve

if __name__ == "__main__":
    serve(DatabricksProvider())
