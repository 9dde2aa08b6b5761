"""Find the configuration and read it; what is in it is :mod:`.parse`'s, which is imported only where there is one."""

from __future__ import annotations

import os
from pathlib import Path as File

from .model import Config, ConfigError

VARIABLE = "REMEDIATE_CONFIG"
NAME = "remediate.toml"
MOST = 200_000
"""Bytes of a configuration that are read; a real one has a few hundred."""


def find_config(given: str | None = None) -> File | None:
    """Return the configuration's file; ``None`` where there is none, and the defaults hold.

    Args:
        given: as ``--config`` names it. Without it: the variable ``REMEDIATE_CONFIG``, ``remediate.toml`` in the
            current folder, ``remediate.toml`` in the user's configuration folder; the first that there is.

    Raises:
        ConfigError: one is named, and it is not there.
    """
    named = given or os.environ.get(VARIABLE)
    if named:
        path = File(named)
        if not path.is_file():
            source = "--config" if given else VARIABLE
            raise ConfigError(f"there is no configuration file {named!r}", f"Check {source}.")
        return path
    here = File(NAME)
    if here.is_file():
        return here
    import platformdirs

    users = File(platformdirs.user_config_dir("azure-backup-remediation")) / NAME
    return users if users.is_file() else None


def load_config(given: str | None = None) -> Config:
    """Return what is in force.

    Args:
        given: as for :func:`find_config`.

    Raises:
        ConfigError: the file is not there, cannot be read, or has mistakes; all of them are told.
    """
    path = find_config(given)
    if path is None:
        return Config()
    from .parse import parse_config

    return parse_config(_read(path), str(path))


def _read(path: File) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MOST + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}", "Check its permissions.") from error
    if len(data) > MOST:
        raise ConfigError(f"{path} is larger than {MOST} bytes", "Is it the right file?")
    return data
