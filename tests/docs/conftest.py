from __future__ import annotations

from ..cli.conftest import remediate

__all__ = ["remediate"]
