"""Texts of runbooks, read through Microsoft's SDK: they are no JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azure.core.exceptions import AzureError as SdkError
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError

from arm.errors import AzureError, NoCredentials
from arm.ids import ResourceId, parse
from arm.session import Session, first_line

from .writes import automation


def published_text(session: Session, runbook_id: str) -> str | None:
    """Return the text that jobs run; ``None`` when there is none.

    Raises:
        AzureError: it cannot be read.
    """
    return _read(session, runbook_id, lambda client: client.runbook.get_content)


def draft_text(session: Session, runbook_id: str) -> str | None:
    """Return the text that would be published; else as :func:`published_text`."""
    return _read(session, runbook_id, lambda client: client.runbook_draft.get_content)


def _read(session: Session, runbook_id: str, choose: Callable[[Any], Callable[..., Any]]) -> str | None:
    parsed: ResourceId = parse(runbook_id)
    read = choose(automation(session, runbook_id))
    try:
        found = read(parsed.resource_group, *parsed.names)
    except ResourceNotFoundError:
        return None
    except ClientAuthenticationError as error:
        raise NoCredentials(first_line(error), "Sign in again; nothing was changed by this request.") from error
    except SdkError as error:
        raise AzureError(
            f"the text of {runbook_id} cannot be read: {first_line(error)}",
            "Try again in a few minutes; this request changed nothing.",
        ) from error
    return found if isinstance(found, str) else b"".join(found).decode("utf-8-sig")
