"""Path templates: from a method and a path to the function that answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .wire import ArmError, Request, Response

Handler = Callable[..., Response]
"""Called as ``handler(world, request, **path_parameters)``."""


@dataclass(frozen=True)
class Route:
    """One operation of Azure.

    ``template`` is written as in Microsoft's OpenAPI documents. ``action`` is the permission that RBAC checks.
    ``write`` says whether the operation may change anything (read-POSTs such as ``backupStatus`` do not).
    ``lock_checked`` says whether management locks apply (they do to every write but those on locks themselves).
    """

    method: str
    template: str
    handler: Handler
    action: str
    write: bool = False
    lock_checked: bool = True
    pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = re.split(r"\{(\w+)\}", self.template)
        expression = "".join(_parameter(part) if index % 2 else re.escape(part) for index, part in enumerate(parts))
        object.__setattr__(self, "pattern", re.compile(f"^{expression}/?$", re.IGNORECASE))


def _parameter(name: str) -> str:
    """``scope`` takes a whole resource id, every other parameter one segment."""
    return f"(?P<{name}>.+)" if name == "scope" else f"(?P<{name}>[^/]+)"


class Router:
    """Finds the route for a request, case-insensitively, first match wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._by_length: dict[int, tuple[Route, ...]] = {}

    def _of_length(self, slashes: int) -> tuple[Route, ...]:
        """Return the routes that a path with so many slashes can fit, in order."""
        if slashes not in self._by_length:
            fits = (one for one in self.routes if "{scope}" in one.template or one.template.count("/") == slashes)
            self._by_length[slashes] = tuple(fits)
        return self._by_length[slashes]

    def match(self, request: Request) -> tuple[Route, dict[str, str]]:
        """Return the route and its path parameters.

        Raises:
            ArmError: 404 when no path fits, 405 when the path exists with other methods only.
        """
        methods = []
        for route in self._of_length(request.path.removesuffix("/").count("/")):
            found = route.pattern.match(request.path)
            if found is None:
                continue
            if route.method == request.method:
                return route, found.groupdict()
            methods.append(route.method)
        if methods:
            raise ArmError(
                405,
                "MethodNotAllowed",
                f"The requested resource does not support http method '{request.method}'.",
                headers={"Allow": ", ".join(sorted(set(methods)))},
            )
        raise ArmError(
            404,
            "InvalidResourceType",
            f"The simulator does not serve {request.method} {request.path}; its README lists what it serves.",
        )
