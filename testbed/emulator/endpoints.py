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
Endpoint = OrganizationEndpoint | DataPlaneEndpoint
Plane = Literal["organization", "data_plane"]
Scope = Endpoint | Plane
"""What a setting is set for: one endpoint, or each endpoint of a plane."""

ORGANIZATION: frozenset[str] = frozenset(get_args(OrganizationEndpoint))
DATA_PLANE: frozenset[str] = frozenset(get_args(DataPlaneEndpoint))
SCOPES: frozenset[str] = ORGANIZATION | DATA_PLANE | frozenset(get_args(Plane))


def plane_of(endpoint: Endpoint) -> Plane:
    """Tell which plane an endpoint belongs to."""
    return "organization" if endpoint in ORGANIZATION else "data_plane"
