"""Path templates of locks and permissions."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers

_LOCKS = "/{scope}/providers/Microsoft.Authorization/locks"
_LOCK = _LOCKS + "/{lockName}"

ROUTES: tuple[Route, ...] = (
    Route("GET", _LOCKS, handlers.list_locks, "Microsoft.Authorization/locks/read"),
    Route("GET", _LOCK, handlers.get_lock, "Microsoft.Authorization/locks/read"),
    Route("PUT", _LOCK, handlers.put_lock, "Microsoft.Authorization/locks/write", write=True, lock_checked=False),
    Route(
        "DELETE", _LOCK, handlers.delete_lock, "Microsoft.Authorization/locks/delete", write=True, lock_checked=False
    ),
    Route(
        "GET",
        "/{scope}/providers/Microsoft.Authorization/permissions",
        handlers.list_permissions,
        "Microsoft.Authorization/permissions/read",
    ),
)
