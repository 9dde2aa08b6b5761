"""The command line. Importing this imports no Azure package; commands import what they use."""

from .app import main

__all__ = ["main"]
