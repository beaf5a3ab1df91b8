"""The names by which settings and counters know the endpoints."""

from typing import Literal, get_args

OrganizationEndpoint = Literal[
    "project.create",
    "project.get",
    "service_account.create",
    "service_account.list",
    "service_account.get",
    "service_account.delete",
    "admin_api_key.create",
    "admin_api_key.list",
    "admin_api_key.delete",
    "audit_log.list",
    "usage.completions",
    "costs",
    "identity_provider.create",
    "identity_provider.list",
    "identity_provider.get",
    "identity_provider.update",
    "identity_provider.delete",
    "federation_rule.create",
    "federation_rule.list",
    "federation_rule.get",
    "federation_rule.update",
    "federation_rule.delete",
]
DataPlaneEndpoint = Literal[
    "models.list",
    "chat.completions",
    "responses",
    "embeddings",
    "files.create",
    "files.list",
    "files.get",
    "files.content",
    "files.delete",
    "images.generations",
    "images.edits",
    "audio.speech",
    "audio.transcriptions",
    "realtime",
]
AuthEndpoint = Literal["token.exchange"]
Endpoint = OrganizationEndpoint | DataPlaneEndpoint | AuthEndpoint
Plane = Literal["organization", "data_plane", "auth"]
Scope = Endpoint | Plane
"""What a setting is set for: one endpoint, or each endpoint of a plane."""

ORGANIZATION: frozenset[str] = frozenset(get_args(OrganizationEndpoint))
DATA_PLANE: frozenset[str] = frozenset(get_args(DataPlaneEndpoint))
AUTH: frozenset[str] = frozenset(get_args(AuthEndpoint))
SCOPES: frozenset[str] = ORGANIZATION | AUTH | DATA_PLANE | frozenset(get_args(Plane))


def plane_of(endpoint: Endpoint) -> Plane:
    """Tell which plane an endpoint belongs to."""
    if endpoint in AUTH:
        return "auth"
    return "organization" if endpoint in ORGANIZATION else "data_plane"
