"""Path templates of storage accounts and their tables."""

from __future__ import annotations

from simulator.routes import Route
from simulator.services.inventory.state import STORAGE

from . import handlers
from .state import TABLE

_S = "/subscriptions/{subscriptionId}"
_A = f"{_S}/resourceGroups/{{resourceGroupName}}/providers/{STORAGE}/{{accountName}}"
_TABLES = f"{_A}/tableServices/default/tables"
_TABLE = f"{_TABLES}/{{tableName}}"
_EMPTY = ("blobServices/default/containers", "fileServices/default/shares", "queueServices/default/queues")

ROUTES: tuple[Route, ...] = (
    Route("PUT", _A, handlers.put_account, f"{STORAGE}/write", write=True),
    Route("DELETE", _A, handlers.delete_account, f"{STORAGE}/delete", write=True),
    Route(
        "GET",
        f"{_S}/providers/Microsoft.Storage/locations/{{location}}/asyncoperations/{{operationId}}",
        handlers.operation_result,
        "Microsoft.Storage/locations/asyncoperations/read",
    ),
    Route("GET", _TABLES, handlers.list_tables, f"{TABLE}/read"),
    Route("GET", _TABLE, handlers.get_table, f"{TABLE}/read"),
    Route("PUT", _TABLE, handlers.put_table, f"{TABLE}/write", write=True),
    Route("DELETE", _TABLE, handlers.delete_table, f"{TABLE}/delete", write=True),
    *(
        Route("GET", f"{_A}/{path}", handlers.nothing, f"{STORAGE}/{path.replace('/default', '')}/read")
        for path in _EMPTY
    ),
)
