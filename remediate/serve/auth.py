"""Who may deliver: holders of a shared secret, and the action group by its Entra ID token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Protocol

SECRET_HEADER = "x-remediate-secret"  # noqa: S105  # its name, not its value


class Denied(Exception):
    """A request that says nothing of who sent it, or nothing that holds.

    Attributes:
        why: for the log; the sender is told only that it is denied.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Unverifiable(Exception):
    """Nobody can say now whether a request may pass; it may be sent again."""


class Check(Protocol):
    """One way to say who one is."""

    name: str
    """Its name in the OpenAPI document."""
    scheme: str
    """Its name in ``WWW-Authenticate``, with what follows."""

    def applies(self, headers: Mapping[str, str]) -> bool:
        """Say whether a request says who it is in this way."""

    def sender(self, headers: Mapping[str, str]) -> str:
        """Return who sent a request, for the log.

        Raises:
            Denied: what it says does not hold.
            Unverifiable: that cannot be told now.
        """


class SharedSecret:
    """A secret in the header ``X-Remediate-Secret``, compared in constant time."""

    name = "secret"
    scheme = 'Secret header="X-Remediate-Secret"'

    def __init__(self, secrets: Sequence[str]) -> None:
        self._digests = [_digest(one) for one in secrets]

    def applies(self, headers: Mapping[str, str]) -> bool:
        """Say whether there is such a header."""
        return SECRET_HEADER in headers

    def sender(self, headers: Mapping[str, str]) -> str:
        """Return that it is a holder of the secret; ``Denied`` when it is another one."""
        given = _digest(headers[SECRET_HEADER])
        if not any([hmac.compare_digest(given, one) for one in self._digests]):  # noqa: C419  # all, whichever fits
            raise Denied("the shared secret is another one")
        return "a holder of the shared secret"


class Nobody:
    """Lets everybody deliver who can connect; for a server that only this machine reaches."""

    name = ""
    scheme = "None"

    def applies(self, headers: Mapping[str, str]) -> bool:  # noqa: ARG002
        """Say yes."""
        return True

    def sender(self, headers: Mapping[str, str]) -> str:  # noqa: ARG002
        """Return that it is a program of this machine."""
        return "a program of this machine"


class Gate:
    """All ways in which one may say who one is: in one at least, and whatever is said has to hold.

    Args:
        checks: the ways.
    """

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = tuple(checks)

    @property
    def schemes(self) -> str:
        """What a sender that is denied is told."""
        return ", ".join(one.scheme for one in self._checks)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names in the OpenAPI document."""
        return tuple(one.name for one in self._checks if one.name)

    def sender(self, headers: Mapping[str, str]) -> str:
        """Return who sent a request; ``Denied`` and ``Unverifiable`` as :meth:`Check.sender`."""
        said = [one.sender(headers) for one in self._checks if one.applies(headers)]
        if not said:
            raise Denied("it does not say who sent it")
        return " and ".join(said)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
