"""Lists in pages, with an opaque token in ``nextLink``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from .wire import ArmError, Json, Request


def page(request: Request, items: Sequence[Any], size: int, *, token: str = "$skiptoken") -> Json:  # noqa: S107
    """Return ``{"value": [...], "nextLink": ...}`` for the page the request asks for.

    ``token`` is the query parameter that carries the position; ``nextLink`` is missing on the last page
    and repeats every other parameter of the request.

    Raises:
        ArmError: 400 for a token that this simulator did not hand out.
    """
    start = _position(request.query.get(token))
    body: Json = {"value": list(items[start : start + size])}
    if start + size < len(items):
        parameters = {name: value for name, value in request.query.items() if name.lower() != token.lower()}
        parameters[token] = base64.urlsafe_b64encode(f"after:{start + size}".encode()).decode()
        query = "&".join(f"{quote(name, safe='$-')}={quote(value, safe='')}" for name, value in parameters.items())
        body["nextLink"] = f"{request.base_url}{quote(request.path, safe='/;')}?{query}"
    return body


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        name, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if name == "after":
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise ArmError(400, "InvalidSkipToken", f"The skip token '{token}' is not valid.")
