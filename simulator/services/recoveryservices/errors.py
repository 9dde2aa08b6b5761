"""How backup jobs fail: numbers and texts of the errors that the service acts out.

Texts are those of Microsoft's troubleshooting pages. Most numbers are not public: those from 499000 are
placeholders of this simulator, so nobody can mistake them for Azure's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class JobError:
    """One error of a backup job; texts by language, English always there."""

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

_ROWS: tuple[tuple[str, int, dict[str, str], dict[str, str]], ...] = (
    (
        LIMIT,
        499001,
        {
            "en-US": "The Restore Point collection max limit has reached.",
            "pt-PT": "O limite máximo de recolha do Ponto de Restauração atingiu.",
        },
        {
            "en-US": "Please ensure that there are no resource locks which prevents Restore points cleanup.",
            "pt-PT": "Retire o bloqueio do grupo de recursos e repita a operação para desencadear a limpeza.",
        },
    ),
    (
        AGENT,
        499002,
        {
            "en-US": "VM agent unable to communicate with Azure Backup.",
            "pt-PT": "o agente da VM não consegue comunicar com o Azure Backup",
        },
        {"en-US": "Ensure the VM has network connectivity and the VM agent is latest and running."},
    ),
    (
        LOCKED,
        499003,
        {"en-US": "The resource is in locked state and the backup service could not change it."},
        {"en-US": "Remove the lock on the resource or its resource group and retry the operation."},
    ),
    (
        PROVISIONING,
        499004,
        {"en-US": "The VM is in failed provisioning state."},
        {"en-US": "Restart the VM and make sure that it is running or shut down."},
    ),
    (
        VM_NOT_FOUND,
        400094,
        {"en-US": "An Azure virtual machine wasn't found."},
        {"en-US": "Make sure that the virtual machine exists or select a different virtual machine."},
    ),
)

JOB_ERRORS: dict[str, JobError] = {row[0]: JobError(*row) for row in _ROWS}
"""Every error that a job can fail with here, by symbolic name."""
