"""Path templates of Resource Manager itself."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers, tags

_S = "/subscriptions/{subscriptionId}"
_GROUP = _S + "/resourceGroups/{resourceGroupName}"
_PROVIDER = _S + "/providers/{resourceProviderNamespace}"

_TAGS = "/{scope}/providers/Microsoft.Resources/tags/default"
_SUBSCRIPTIONS = "Microsoft.Resources/subscriptions"
_GROUPS = f"{_SUBSCRIPTIONS}/resourceGroups"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/tenants", handlers.list_tenants, "Microsoft.Resources/tenants/read"),
    Route("GET", "/subscriptions", handlers.list_subscriptions, f"{_SUBSCRIPTIONS}/read"),
    Route("GET", _S, handlers.get_subscription, f"{_SUBSCRIPTIONS}/read"),
    Route("GET", _S + "/locations", handlers.list_locations, f"{_SUBSCRIPTIONS}/locations/read"),
    Route("GET", _S + "/providers", handlers.list_providers, f"{_SUBSCRIPTIONS}/providers/read"),
    Route("GET", _PROVIDER, handlers.get_provider, f"{_SUBSCRIPTIONS}/providers/read"),
    Route(
        "POST",
        _PROVIDER + "/register",
        handlers.register_provider,
        "Microsoft.Resources/subscriptions/providers/register/action",
        write=True,
    ),
    Route("GET", _S + "/resourceGroups", handlers.list_groups, f"{_GROUPS}/read"),
    Route("GET", _GROUP, handlers.get_group, f"{_GROUPS}/read"),
    Route("HEAD", _GROUP, handlers.head_group, f"{_GROUPS}/read"),
    Route("PUT", _GROUP, handlers.put_group, f"{_GROUPS}/write", write=True),
    Route("PATCH", _GROUP, handlers.patch_group, f"{_GROUPS}/write", write=True),
    Route("DELETE", _GROUP, handlers.delete_group, f"{_GROUPS}/delete", write=True),
    Route(
        "GET",
        _S + "/operationresults/{operationId}",
        handlers.operation_result,
        f"{_SUBSCRIPTIONS}/operationresults/read",
    ),
    Route("GET", _S + "/resources", handlers.list_resources, f"{_SUBSCRIPTIONS}/resources/read"),
    Route("GET", _GROUP + "/resources", handlers.list_group_resources, f"{_GROUPS}/resources/read"),
    Route("GET", _TAGS, tags.get_tags, "Microsoft.Resources/tags/read"),
    Route("PATCH", _TAGS, tags.patch_tags, "Microsoft.Resources/tags/write", write=True),
)
