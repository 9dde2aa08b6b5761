"""How jobs fail: numbers and texts of the errors that the service acts out (``errors.json``).

Texts are those of Microsoft's troubleshooting pages. Most numbers are not public: those from 499000 are
placeholders of this simulator, so nobody can mistake them for Azure's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class JobError:
    """One error of a job; texts by language, English always there. ``code`` is empty where Azure shows a text only."""

    code: str
    number: int
    text: dict[str, str]
    recommendation: dict[str, str]

    def message(self, language: str) -> str:
        """Return the text in a language, else in English."""
        return self.text.get(language, self.text["en-US"])

    def advice(self, language: str) -> str:
        """Return the recommendation in a language, else in English."""
        return self.recommendation.get(language, self.recommendation["en-US"])


LIMIT = "UserErrorRpCollectionLimitReached"
AGENT = "UserErrorGuestAgentStatusUnavailable"
LOCKED = "UserErrorResourceIsInLockedState"
PROVISIONING = "UserErrorVmProvisioningStateFailed"
VM_NOT_FOUND = "BCMV2VMNotFound"
CANCEL_NOT_SUPPORTED, NOT_CANCELABLE = "JobCancelNotSupported", "JobNotCancelable"
NOT_IN_PROGRESS, CANCEL_FAILED = "JobNotInProgress", "JobCancelFailed"


def _read() -> dict[str, JobError]:
    data = json.loads(Path(__file__).with_name("errors.json").read_text(encoding="utf-8"))
    return {name: JobError(**entry) for name, entry in data.items()}


JOB_ERRORS: dict[str, JobError] = _read()
"""Every error that a job can fail with here, by the name that the scenarios use: the symbolic code where it has one."""
