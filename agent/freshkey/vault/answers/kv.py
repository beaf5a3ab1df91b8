"""What is peculiar to KV, the engine for secrets without a lease. Pure.

Sources: https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, and what Vault 1.21 was
seen to answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_WITHOUT_DATA: Final = "invalid path for a versioned k/v"
_OTHERS: Final = ("metadata/", "delete/", "undelete/", "destroy/", "subkeys/")  # than data/


def fields(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a secret: version 2 has them one level deeper, beside `metadata`."""
    inner = data.get("data")
    return inner if isinstance(inner, dict) and isinstance(data.get("metadata"), dict) else data


def is_metadata(data: Mapping[str, Any]) -> bool:
    """Whether this is what version 2 tells of a secret, in the place of the secret."""
    return isinstance(data.get("versions"), dict) and "current_version" in data


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


def misplaced(mount: str, version: str, path: str) -> str | None:
    """Correct a path that can't be a secret's of this KV mount, whose path ends with a slash."""
    rest = f"{path}/".removeprefix(mount).strip("/")
    if version != "2" or rest.startswith("data/"):
        return None
    name = next((rest.removeprefix(kind) for kind in _OTHERS if rest.startswith(kind)), rest)
    name = "NAME" if name in {"", "data"} else name
    return (
        f"{mount} is KV version 2, whose paths have data/ after the mount: write {mount}data/{name}"
    )


def perhaps_misplaced(mount: str, version: str, path: str) -> str | None:
    """Correct a path with nothing there that looks like one of another version."""
    rest = path.removeprefix(mount)
    if version == "2" or not rest.startswith("data/"):
        return None
    perhaps = f"{mount}{rest.removeprefix('data/')}"
    return f"{mount} is KV version 1, whose paths need no data/: is it {perhaps}?"


def wrong_path(path: str, text: str) -> str | None:
    """Say that a path is in version 2, and not as its API has it, when Vault says so.

    Where the mount ends is not told: only a path of two parts leaves no doubt.
    """
    if _WITHOUT_DATA not in text.lower():
        return None
    mount, _, name = path.partition("/")
    better = "MOUNT/data/NAME" if "/" in name or not name else f"{mount}/data/{name}"
    return f"{path} is in a KV version 2 engine, and needs data/ after its mount: write {better}"
