"""A stand-in for the parts of Azure that the project speaks to, over real HTTPS."""

from tests.emulator.emulator import Emulator

__all__ = ["Emulator"]
