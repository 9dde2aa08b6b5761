"""The machine: engine, journal and doors (command line, alerts, server)."""

__version__ = "0.1.0"
