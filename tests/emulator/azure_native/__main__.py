"""Serves the stand-in for azure-native."""

from __future__ import annotations

from tests.emulator.azure_native.provider import AzureNative
from tests.emulator.plugin.serving import serve

if __name__ == "__main__":
    serve(AzureNative())
