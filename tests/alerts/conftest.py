from __future__ import annotations

from ..cli.conftest import remediate as remediate  # noqa: PLC0414  # the fixture
