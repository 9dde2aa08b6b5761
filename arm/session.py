"""One session with one Azure Resource Manager endpoint: reads over one pipeline, write clients on demand."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError as SdkError
from azure.core.exceptions import (
    ClientAuthenticationError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline import Pipeline, PipelineRequest
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    ContentDecodePolicy,
    CustomHookPolicy,
    RequestIdPolicy,
    UserAgentPolicy,
)
from azure.core.pipeline.transport import HttpTransport, RequestsTransport
from azure.core.rest import HttpRequest

from .clouds import CLOUDS, Cloud
from .credentials import check_endpoint, choose_credential, is_loopback, split_url
from .errors import AzureError, BadResponse, CredentialsRejected, Forbidden, NoCredentials, NotFound
from .ids import normal
from .parallel import gather
from .retry import RetryBudget, Transient, parse_retry_after, retrying, throttled
from .runtime import Runtime, system_runtime
from .transport import GuardedTransport

if TYPE_CHECKING:
    from azure.mgmt.automation import AutomationClient
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient
    from azure.mgmt.resource.resources import ResourceManagementClient

USER_AGENT = "azure-backup-remediation/0.1"
MAX_PAGES = 500
_TRANSIENT = (408, 429, 500, 502, 503, 504)
_FORBIDDEN = re.compile(r"perform action '([^']+)' over scope '([^']+)'")

Json = dict[str, Any]
T = TypeVar("T")

for _library in ("azure", "urllib3", "msal"):  # what they have to say reaches the operator as our own errors
    logging.getLogger(_library).addHandler(logging.NullHandler())


class _BearerPolicy(BearerTokenCredentialPolicy[Any, Any]):
    """azure-core's bearer policy, allowed over plain HTTP to a loopback endpoint only."""

    def __init__(self, credential: TokenCredential, scope: str, *, loopback: bool) -> None:
        super().__init__(credential, scope, enable_cae=not loopback)
        self._loopback = loopback
        self._turn = threading.Lock()

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Put the token on the request; many requests at a time wait for one token."""
        if self._loopback:
            request.context.options["enforce_https"] = False
        with self._turn:
            super().on_request(request)

    def sign_in(self) -> None:
        """Get a token now, so that the first request finds it there; what goes wrong shows at that request."""
        with self._turn, suppress(SdkError, OSError, ValueError):
            self._request_token(*self._scopes)


class Session:
    """Access to one ARM endpoint with one identity.

    Args:
        cloud: which Azure cloud; gives endpoint, token scope and authority.
        endpoint: another endpoint that speaks ARM, instead of the cloud's.
        ca: file of the certificate authority to trust, instead of the system's.
        read_only: refuse every write at the transport.
        credential: an azure-core credential; default as :mod:`arm.credentials` chooses.
        runtime: time and sleep.
        transport: an azure-core transport to send with; default one over ``requests``.
    """

    def __init__(
        self,
        *,
        cloud: Cloud = CLOUDS["public"],
        endpoint: str | None = None,
        ca: str | None = None,
        read_only: bool,
        credential: TokenCredential | None = None,
        runtime: Runtime | None = None,
        transport: HttpTransport[Any, Any] | None = None,
    ) -> None:
        self.cloud = cloud
        self.endpoint = check_endpoint(endpoint or cloud.endpoint)
        self.runtime = runtime or system_runtime()
        self._scope = cloud.scope
        inner = transport or RequestsTransport(
            connection_verify=ca or True,
            connection_timeout=10,
            read_timeout=60,
            use_env_settings=not is_loopback(self.endpoint),
        )
        self.transport = GuardedTransport(inner, read_only=read_only, monotonic=self.runtime.monotonic)
        self.credential = credential or choose_credential(self.endpoint, cloud.authority, ca)
        self._bearer = _BearerPolicy(self.credential, cloud.scope, loopback=is_loopback(self.endpoint))
        self._pipeline: Pipeline[Any, Any] = Pipeline(self.transport, self._policies())
        self._budget = RetryBudget()

    def _policies(self) -> list[Any]:
        """Return the whole chain: no SDK retry, redirect, or provider registration is in it."""
        return [RequestIdPolicy(), UserAgentPolicy(USER_AGENT), self._bearer, CustomHookPolicy(), ContentDecodePolicy()]

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def with_runtime(self, runtime: Runtime) -> Session:
        """Return this session with another time and sleep; connections, permits and counts are the same."""
        other = copy(self)
        other.runtime = runtime
        return other

    def sign_in(self) -> None:
        """Get a token in the background, while the caller still prepares its first request."""
        threading.Thread(target=self._bearer.sign_in, daemon=True).start()

    def close(self) -> None:
        """Close the connections."""
        self.transport.shutdown()

    def azure_now(self) -> datetime:
        """Return Azure's time: the newest ``Date`` header seen in this session.

        Raises:
            BadResponse: when no answer has carried one yet.
        """
        moment = self.transport.azure_time
        if moment is None:
            raise BadResponse("no answer carried a Date header yet", "Check what answers at the ARM endpoint.")
        return moment

    def gather(self, reads: Sequence[Callable[[], T]]) -> list[T]:
        """Run several reads, at the same time where the runtime has it so, and return their results in order.

        Raises:
            BaseException: the first error, in the order of the reads, when all have ended.
        """
        return gather(reads, at_once=self.runtime.at_once)

    def get(self, path: str, api_version: str, **parameters: str) -> Json:
        """Read one ARM resource or list page as JSON.

        Args:
            path: ARM id or path, starting with ``/``.
            api_version: api-version to ask for.
            parameters: further query parameters; ``filter_`` and ``expand_`` become ``$filter`` and ``$expand``.

        Raises:
            NotFound: 404.
            Forbidden: 403, with the missing permission named where Azure names it.
            AzureError: not reachable, not readable, throttled, no or refused credentials.
        """
        return self.read("GET", self._url(path, api_version, parameters))

    def post(self, path: str, api_version: str, body: Mapping[str, Any]) -> Json:
        """Run a read that Azure made a POST (Resource Graph, backupStatus); errors as :meth:`get`."""
        return self.read("POST", self._url(path, api_version, {}), body)

    def pages(self, path: str, api_version: str, **parameters: str) -> Iterator[Json]:
        """Read a list over all its pages and yield its items, each id once; errors as :meth:`get`.

        Raises:
            BadResponse: pages that lead back to a page already read, or without end.
        """
        url = self._url(path, api_version, parameters)
        seen: set[str] = set()
        known: set[str] = set()
        while url:
            if url in seen or len(seen) >= MAX_PAGES:
                raise BadResponse(f"the list {path} never ends: its next page is one already read", "Try again later.")
            seen.add(url)
            page = self.read("GET", url)
            items = page.get("value")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise BadResponse(
                    f"the answer of {path} has no list of values", "Check what answers at the ARM endpoint."
                )
            for item in items:
                key = normal(str(item.get("id") or id(item)))
                if key not in known:  # a page that comes twice must not count twice
                    known.add(key)
                    yield item
            url = str(page.get("nextLink") or "")

    def read(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Json:
        """Send one read to a full URL (a next page, a poll) with bounded retries; errors as :meth:`get`."""
        self._check_host(url)
        return retrying(lambda: self._parse(self._send(method, url, body), url), self.runtime, self._budget)

    def poll(self, url: str) -> tuple[int, Json, Mapping[str, str]]:
        """GET an operation's URL, verbatim, and return status, body (``{}`` when empty) and headers.

        Raises:
            AzureError: as :meth:`get`, but a definite 4xx is returned: so the operation ended, or it is gone.
        """
        self._check_host(url)

        def once() -> tuple[int, Json, Mapping[str, str]]:
            response = self._send("GET", url, None)
            status = response.status_code
            if 400 <= status < 500 and status not in (*_TRANSIENT, 401, 403):
                code, message = error_of(response.content)
                return status, {"error": {"code": code, "message": message}}, response.headers
            body = self._parse(response, url) if response.content.strip() else self._empty(response, url)
            return response.status_code, body, response.headers

        return retrying(once, self.runtime, self._budget)

    def _url(self, path: str, api_version: str, parameters: Mapping[str, str]) -> str:
        query = {("$" + name[:-1] if name.endswith("_") else name): value for name, value in parameters.items()}
        query["api-version"] = api_version
        return f"{self.endpoint}{quote(path, safe='/;,()')}?{urlencode(query, quote_via=quote)}"

    def _check_host(self, url: str) -> None:
        """Refuse to send the token to a host that is not this Azure's Resource Manager."""
        home, got = urlsplit(self.endpoint), split_url(url)
        if got is None or not _same_service(home, got):
            raise BadResponse(
                f"the answer points to {url.split('?', 1)[0]!r}, which is not at {self.endpoint}",
                "The token is not sent there. Check what answers at the ARM endpoint.",
            )

    def _send(self, method: str, url: str, body: Mapping[str, Any] | None) -> Any:
        request = HttpRequest(method, url, json=body, headers={"Accept": "application/json"})
        try:
            response = self._pipeline.run(request).http_response
        except ClientAuthenticationError as error:
            raise NoCredentials(
                f"no credential could give a token: {first_line(error)}",
                "Run 'az login', or give the machine a managed identity; for a simulator set IDENTITY_ENDPOINT.",
            ) from error
        except IncompleteReadError as error:
            cut = BadResponse(
                f"the answer of {urlsplit(url).path} was cut off", "Check the network or proxy; try again."
            )
            raise Transient(cut) from error
        except (ServiceRequestError, ServiceResponseError) as error:
            final = AzureError(
                f"{self.endpoint} could not be reached: {first_line(error)}",
                "Check the network, proxy and --arm-endpoint; nothing was changed by this request.",
            )
            raise Transient(final) from error
        return response

    def _parse(self, response: Any, url: str) -> Json:
        if response.status_code >= 400:
            raise self._error(response, url)
        try:
            body = json.loads(response.content)
        except ValueError as error:
            what = f"{urlsplit(url).path} was answered with {response.status_code} and no JSON"
            raise Transient(
                BadResponse(what, "Is a proxy in the way? Check what answers at the ARM endpoint.")
            ) from error
        if not isinstance(body, dict):
            raise BadResponse(
                f"{urlsplit(url).path} was answered with a JSON {type(body).__name__}", "Check the ARM endpoint."
            )
        return body

    def _empty(self, response: Any, url: str) -> Json:
        if response.status_code >= 400:
            raise self._error(response, url)
        return {}

    def _error(self, response: Any, url: str) -> AzureError:
        status, path = response.status_code, urlsplit(url).path
        code, message = error_of(response.content)
        text = f"{code}: {message}" if code else f"HTTP {status}"
        if status in _TRANSIENT:
            final = (
                throttled(f"{path}: {text}")
                if status == 429
                else AzureError(
                    f"Azure could not answer {path}: {text}",
                    "Try again in a few minutes; Azure Status tells of outages.",
                )
            )
            return Transient(final, parse_retry_after(response.headers.get("Retry-After")))
        if status == 401:
            hint = (
                "The resource is in another tenant: sign in to that tenant."
                if "Tenant" in text
                else "Sign in again ('az login')."
            )
            return CredentialsRejected(f"Azure refused the credentials for {path}: {text}", hint)
        if status == 403:
            return forbidden(text, path)
        if status == 404:
            return NotFound(f"{path} was not found: {text}", "Check the name, and that this identity may read it.")
        return AzureError(
            f"Azure refused to read {path}: {text}", "Read Azure's message; this request changed nothing."
        )

    def client_options(self) -> Json:
        """Return the keyword arguments that put an SDK client on this session's guarded transport."""
        return {
            "base_url": self.endpoint,
            "credential_scopes": [self._scope],
            "transport": self.transport,
            "policies": self._policies(),
        }

    def automation(self, subscription: str) -> AutomationClient:
        """Return Microsoft's Automation client on this session's transport; it is in the extra ``deploy``."""
        from azure.mgmt.automation import AutomationClient

        return AutomationClient(self.credential, subscription, **self.client_options())

    def compute(self, subscription: str) -> ComputeManagementClient:
        """Return Microsoft's compute client on this session's transport."""
        from azure.mgmt.compute import ComputeManagementClient

        return ComputeManagementClient(self.credential, subscription, **self.client_options())

    def backup(self, subscription: str) -> RecoveryServicesBackupClient:
        """Return Microsoft's Recovery Services backup client on this session's transport."""
        from azure.mgmt.recoveryservicesbackup import RecoveryServicesBackupClient

        return RecoveryServicesBackupClient(self.credential, subscription, **self.client_options())

    def resource(self, subscription: str) -> ResourceManagementClient:
        """Return Microsoft's resource client on this session's transport."""
        from azure.mgmt.resource.resources import ResourceManagementClient

        return ResourceManagementClient(self.credential, subscription, **self.client_options())


def _same_service(home: SplitResult, other: SplitResult) -> bool:
    """Say whether a URL is on the same host, or a subdomain of it (regional ARM), over the same scheme and port."""
    if home.scheme != other.scheme or _port(home) != _port(other):
        return False
    return other.hostname == home.hostname or str(other.hostname).endswith(f".{home.hostname}")


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, cut to what a person reads."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__


def error_of(content: bytes) -> tuple[str, str]:
    """Return code and message of Azure's error body; empty texts when it is none.

    Azure writes ``{"error": {"code", "message"}}`` and at times the inner object alone.
    """
    try:
        body = json.loads(content)
    except ValueError:
        return "", ""
    inner = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return "", ""
    return str(inner.get("code") or ""), str(inner.get("message") or "")


def forbidden(text: str, path: str) -> Forbidden:
    """Return the error for a 403, naming the missing permission where Azure's text does."""
    found = _FORBIDDEN.search(text)
    if found:
        action, scope = found.groups()
        step = f"Grant {action} at {scope} (or a role that contains it), then run again."
        return Forbidden(f"the permission {action} is missing at {scope}", step, action=action, scope=scope)
    return Forbidden(
        f"Azure forbids {path}: {text}", "Read Azure's message: a role, a policy or a deny assignment is in the way."
    )
