"""UserErrorRpCollectionLimitReached: the restore point collections of a VM are full."""

from .chain import RUNBOOK

__all__ = ["RUNBOOK"]
