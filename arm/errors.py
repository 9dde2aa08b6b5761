"""The one exception tree. Every error has a stable code, what happened, and the operator's next step."""

from __future__ import annotations

from collections.abc import Sequence


class RemediationError(Exception):
    """Something the operator has to know.

    Attributes:
        code: stable identifier, for programs that read the output.
        next_step: what the operator does next; one sentence.
        exit_code: exit status of the command line (README, *Exit codes*).
        candidates: what may have been meant, best first.
    """

    code = "Error"
    exit_code = 6

    def __init__(self, message: str, next_step: str, candidates: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.candidates = tuple(candidates)


class UsageError(RemediationError):
    """The call itself is wrong: unknown code, malformed id, contradictory options."""

    code = "Usage"
    exit_code = 2


class VmNotFound(UsageError):
    """No virtual machine of that name can be read with this identity."""

    code = "VmNotFound"


class AmbiguousVm(UsageError):
    """Several virtual machines have that name; an ambiguous selection is never narrowed by guessing."""

    code = "AmbiguousVm"


class ForgedId(RemediationError):
    """A text that should be a resource id is not one, or not plainly one. No request may be made with it."""

    code = "ForgedId"
    exit_code = 3


class AzureError(RemediationError):
    """Azure could not be reached or read."""

    code = "AzureUnavailable"


class NoCredentials(AzureError):
    """No credential of the chain could give a token."""

    code = "NoCredentials"


class CredentialsRejected(AzureError):
    """Azure refused the token: expired, revoked, or of another tenant."""

    code = "CredentialsRejected"


class Forbidden(AzureError):
    """403: a permission is missing; ``action`` and ``scope`` name it when Azure did."""

    code = "Forbidden"

    def __init__(self, message: str, next_step: str, *, action: str = "", scope: str = "") -> None:
        super().__init__(message, next_step)
        self.action = action
        self.scope = scope


class NotFound(AzureError):
    """404: the resource does not exist, or not for this identity."""

    code = "NotFound"


class Throttled(AzureError):
    """429 even after bounded retries."""

    code = "Throttled"


class BadResponse(AzureError):
    """The answer was no JSON, cut off, or not what the operation returns."""

    code = "BadResponse"


class WriteBlocked(RemediationError):
    """The transport refused to send: read-only mode, the deny list, or no permit for this very request."""

    code = "WriteBlocked"
    exit_code = 3


class WriteError(RemediationError):
    """A write was sent, or tried, and did not simply succeed."""

    code = "WriteFailed"
    exit_code = 1


class NotSent(WriteError):
    """Certainly without effect: no connection, or Azure said "later" (429). It may be sent again.

    Attributes:
        retry_after: seconds Azure asked to wait, or ``None``.
    """

    code = "NotSent"

    def __init__(self, message: str, next_step: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, next_step)
        self.retry_after = retry_after


class Rejected(WriteError):
    """Azure answered with a definite refusal (4xx).

    Attributes:
        azure_code: the error code in Azure's body, such as ``ScopeLocked``.
        status: the HTTP status.
    """

    code = "Rejected"

    def __init__(self, message: str, next_step: str, *, azure_code: str, status: int) -> None:
        super().__init__(message, next_step)
        self.azure_code = azure_code
        self.status = status


class Ambiguous(WriteError):
    """Nobody knows whether the write took effect (reset, timeout, 5xx). Only the change's probe decides."""

    code = "Ambiguous"
