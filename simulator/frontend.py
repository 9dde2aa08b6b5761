"""ARM's front end: what happens to a request before a service sees it, and to every answer after."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from .routes import Route, Router
from .services.authorization.routes import ROUTES as AUTHORIZATION
from .services.automation.routes import ROUTES as AUTOMATION
from .services.compute.routes import ROUTES as COMPUTE
from .services.insights.routes import ROUTES as INSIGHTS
from .services.inventory.routes import ROUTES as INVENTORY
from .services.monitor.routes import ROUTES as MONITOR
from .services.recoveryservices.routes import ROUTES as RECOVERY_SERVICES
from .services.resourcegraph.routes import ROUTES as RESOURCE_GRAPH
from .services.resources.routes import ROUTES as RESOURCES
from .services.storage.routes import ROUTES as STORAGE
from .wire import ArmError, Fields, Request, Response

if TYPE_CHECKING:
    from .services.identity.tokens import Tokens
    from .world import World

ROUTER = Router(
    (
        *AUTHORIZATION,
        *AUTOMATION,
        *COMPUTE,
        *INSIGHTS,
        *INVENTORY,
        *MONITOR,
        *RECOVERY_SERVICES,
        *RESOURCE_GRAPH,
        *RESOURCES,
        *STORAGE,
    )
)

_SUBSCRIPTION = re.compile(r"/subscriptions/([^/]+)", re.IGNORECASE)


def parse(method: str, target: str, headers: Iterable[tuple[str, str]], body: bytes, base_url: str) -> Request:
    """Return the request for a target as it stood in the request line (a path, or a whole URL)."""
    target = re.sub(r"^https?://[^/]+", "", target) or "/"
    raw_path, _, query = target.partition("?")
    return Request(
        method.upper(),
        re.sub(r"/{2,}", "/", unquote(raw_path)),
        raw_path,
        Fields(parse_qsl(query, keep_blank_values=True)),
        Fields(headers),
        body,
        base_url,
    )


def authenticate(world: World, tokens: Tokens, request: Request) -> None:
    """Check the bearer: any will do, but those issued here that are no good any more.

    Raises:
        ArmError: 401.
    """
    challenge = f'Bearer authorization_uri="https://login.microsoftonline.com/{world.tenant}", error="invalid_token", '
    token = bearer(request)
    if not token:
        text = "The authentication failed because of missing 'Authorization' header."
        headers = {"WWW-Authenticate": f'{challenge}error_description="{text}"'}
        message = "Authentication failed. The 'Authorization' header is missing."
        raise ArmError(401, "AuthenticationFailed", message, headers=headers)
    if not tokens.accepts(token):
        text = "The access token expiry UTC time is earlier than current UTC time."
        headers = {"WWW-Authenticate": f'{challenge}error_description="The access token has expired."'}
        raise ArmError(401, "ExpiredAuthenticationToken", text, headers=headers)


def bearer(request: Request) -> str | None:
    """Return the token of the ``Authorization`` header, if it has one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def check_request(world: World, request: Request) -> None:
    """Check what ARM checks of any request before it routes it.

    Raises:
        ArmError: 400 without an api-version, 404 for an encoded scope or another subscription.
    """
    if not request.query.get("api-version"):
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    if "%2f" in request.raw_path.lower():
        message = f"No resource is found at '{request.raw_path}': its slashes are percent-encoded."
        raise ArmError(404, "NotFound", message)
    found = _SUBSCRIPTION.match(request.path)
    if found is not None and found[1].lower() != world.subscription:
        raise ArmError(404, "SubscriptionNotFound", f"The subscription '{found[1]}' could not be found.")


def check_route(world: World, request: Request, route: Route) -> None:
    """Check registration, permissions and locks, in this order.

    Raises:
        ArmError: 409 ``MissingSubscriptionRegistration``, 403 ``AuthorizationFailed``, 409 ``ScopeLocked``.
    """
    if not request.path.lower().endswith("/register"):
        world.resources.require_registered(request.path)
    world.authorization.require(route.action, request.path)
    if route.write and route.lock_checked:
        world.authorization.require_unlocked(request.path, request.method)


def dress(world: World, request: Request, response: Response, request_id: str) -> None:
    """Add the headers that every answer of ARM has; ``Date`` is simulated time."""
    now = world.clock.now
    family = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(request.method, "writes")
    left = "249" if family == "reads" else "199"
    headers = {
        "Date": format_datetime(now, usegmt=True),
        "Cache-Control": "no-cache",
        "x-ms-request-id": request_id,
        "x-ms-correlation-request-id": request.headers.get("x-ms-correlation-request-id") or request_id,
        "x-ms-routing-request-id": f"WESTEUROPE:{now:%Y%m%dT%H%M%SZ}:{request_id}",
        f"x-ms-ratelimit-remaining-subscription-{family}": left,
    }
    client = request.headers.get("x-ms-client-request-id")
    if client:
        headers["x-ms-client-request-id"] = client
    if response.text is None and response.body is not None:
        headers["Content-Type"] = "application/json; charset=utf-8"
    response.headers = {**headers, **response.headers}
