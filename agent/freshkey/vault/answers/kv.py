"""What is peculiar to KV, the engine for secrets without a lease. Pure.

Sources: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, and what Vault 1.21 was
seen to answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_WITHOUT_DATA: Final = "invalid path for a versioned k/v"


def fields(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a secret: version 2 has them one level deeper, beside `metadata`."""
    inner = data.get("data")
    return inner if isinstance(inner, dict) and isinstance(data.get("metadata"), dict) else data


def ended_version(body: Mapping[str, Any]) -> str | None:
    """Return what became of the version that a 404 of version 2 is about; None: nothing did."""
    data = body.get("data")
    metadata = data.get("metadata") if isinstance(data, dict) else None
    if not isinstance(metadata, dict):
        return None
    version, deleted = metadata.get("version"), metadata.get("deletion_time")
    if metadata.get("destroyed") is True:
        return f"its version {version} was destroyed: put a new one"
    return f"its version {version} was deleted at {deleted}: undelete it, or put a new one"


def wrong_path(path: str, text: str) -> str | None:
    """Correct a path of version 2 as Vault's command line takes it, when Vault says that it is one.

    Where the mount ends is not told; most have one part.
    """
    if _WITHOUT_DATA not in text.lower():
        return None
    mount, _, name = path.partition("/")
    better = f"{mount}/data/{name.removeprefix('data/')}"
    return f"{path} is in a KV version 2 engine, and needs data/ after its mount: write {better}"
