"""The managed identity endpoints, in their App Service and IMDS forms, and ARM's cloud metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.wire import Json, Request, Response

from .tokens import CLIENT_ID, LIFETIME, Tokens

if TYPE_CHECKING:
    from simulator.world import World

APP_SERVICE = "/msi/token"
IMDS = "/metadata/identity/oauth2/token"


def token(world: World, tokens: Tokens, request: Request) -> Response:
    """Answer a request for a token."""
    imds = request.path.lower() == IMDS
    if imds and request.headers.get("Metadata", "").lower() != "true":
        return _refused(400, "invalid_request", "Required metadata header not specified")
    if not imds and not request.headers.get("X-IDENTITY-HEADER"):
        return _refused(403, "Forbidden", "The header X-IDENTITY-HEADER is missing or wrong.")
    if not request.query.get("api-version"):
        return _refused(400, "invalid_request", "Required query variable 'api-version' is missing")
    resource = request.query.get("resource")
    if not resource:
        return _refused(400, "invalid_request", "Required query variable 'resource' is missing")
    bearer, expires = tokens.issue(world, resource)
    body: Json = {
        "access_token": bearer,
        "client_id": CLIENT_ID,
        "expires_on": str(expires),
        "resource": resource,
        "token_type": "Bearer",
    }
    if imds:
        body |= {
            "expires_in": str(LIFETIME),
            "ext_expires_in": str(LIFETIME),
            "not_before": str(expires - LIFETIME),
        }
    return Response(200, body)


def _refused(status: int, error: str, description: str) -> Response:
    return Response(status, {"error": error, "error_description": description})


def cloud_metadata(world: World, request: Request) -> Response:
    """Answer ARM's ``/metadata/endpoints``: the public cloud's, with this simulator as Resource Manager.

    Versions before 2019-05-01 get the old, flat form.
    """
    base = request.base_url
    authentication = {
        "loginEndpoint": f"{base}/",
        "audiences": [f"{base}/", "https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": world.tenant,
        "identityProvider": "AAD",
    }
    if request.query.get("api-version", "") < "2019-05-01":
        return Response(
            200,
            {
                "galleryEndpoint": f"{base}/",
                "graphEndpoint": f"{base}/",
                "portalEndpoint": f"{base}/",
                "authentication": {key: authentication[key] for key in ("loginEndpoint", "audiences")},
            },
        )
    cloud = {
        "name": "AzureCloud",
        "portal": f"{base}/",
        "authentication": authentication,
        "resourceManager": f"{base}/",
        "media": f"{base}/",
        "graphAudience": f"{base}/",
        "graph": f"{base}/",
        "microsoftGraphResourceId": f"{base}/",
        "batch": f"{base}/",
        "gallery": f"{base}/",
        "sqlManagement": f"{base}/",
        "activeDirectoryDataLake": f"{base}/",
        "vmImageAliasDoc": f"{base}/",
        "appInsightsResourceId": f"{base}/",
        "appInsightsTelemetryChannelResourceId": f"{base}/",
        "appServiceResourceId": f"{base}/",
        "attestationResourceId": f"{base}/",
        "logAnalyticsResourceId": f"{base}/",
        "ossrdbmsResourceId": f"{base}/",
        "synapseAnalyticsResourceId": f"{base}/",
        "suffixes": {
            "acrLoginServer": "azurecr.simulator",
            "keyVaultDns": "vault.simulator",
            "sqlServerHostname": "database.simulator",
            "storage": "core.simulator",
        },
    }
    if request.query.get("api-version", "") >= "2022-09-01":
        return Response(200, cloud)
    return Response(200, [cloud])
