"""Projects, service accounts, and keys, with their bodies in the organization API.

Source: the types of openai-python under `openai/types/admin/organization`.
"""

import hashlib
import secrets
from dataclasses import dataclass

KEY_HALF = 74
"""Characters on each side of the fixed middle of a key."""


def new_id(prefix: str) -> str:
    """Return a fresh identifier such as `svc_acct_4f…`."""
    return prefix + secrets.token_hex(12)


def new_secret(prefix: str) -> str:
    """Return a fresh key of the real shape: prefix, 74 characters, `T3BlbkFJ`, 74 characters."""
    halves = (secrets.token_urlsafe(KEY_HALF)[:KEY_HALF] for _ in range(2))
    return prefix + "T3BlbkFJ".join(halves)


def digest(key: str) -> str:
    """Return the SHA-256 of a key, in hex: all that the emulator keeps of it."""
    return hashlib.sha256(key.encode()).hexdigest()


def fingerprint(digest_of_key: str) -> str:
    """Return the first eight hex digits of a key's SHA-256."""
    return digest_of_key[:8]


@dataclass(frozen=True, slots=True)
class Project:
    """A project of the organization."""

    id: str
    name: str
    created_at: float

    def body(self) -> dict[str, object]:
        """Return it as the API shows it."""
        return {
            "id": self.id,
            "object": "organization.project",
            "name": self.name,
            "created_at": int(self.created_at),
            "archived_at": None,
            "status": "active",
        }


@dataclass(frozen=True, slots=True)
class Validity:
    """When a key is made, begins to work, and is ended by the organization, in Unix seconds."""

    created_at: float
    active_at: float
    expires_at: float | None

    def expired(self, now: float) -> bool:
        """Tell whether the organization has ended the key."""
        return self.expires_at is not None and now >= self.expires_at

    def holds(self, now: float) -> bool:
        """Tell whether the key works, unless it was deleted."""
        return now >= self.active_at and not self.expired(now)


@dataclass(frozen=True, slots=True)
class Key:
    """A service account's key: its digest, and when it works."""

    id: str
    digest: str
    validity: Validity

    def body(self, value: str) -> dict[str, object]:
        """Return it as the answer that makes it shows it, the only one with its value."""
        expires_at = self.validity.expires_at
        return {
            "object": "organization.project.service_account.api_key",
            "id": self.id,
            "name": "Secret Key",
            "value": value,
            "created_at": int(self.validity.created_at),
            "expires_at": None if expires_at is None else int(expires_at),
        }


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account with its one key."""

    id: str
    name: str
    project_id: str
    created_at: float
    key: Key

    @property
    def name_prefix(self) -> str:
        """The name less what follows its last hyphen: the accounts of one Vault role share it."""
        return self.name.rpartition("-")[0] or self.name

    def body(self) -> dict[str, object]:
        """Return it as the API shows it."""
        return {
            "object": "organization.project.service_account",
            "id": self.id,
            "name": self.name,
            "role": "member",
            "created_at": int(self.created_at),
        }


@dataclass(frozen=True, slots=True)
class AdminKey:
    """A key of the organization API."""

    id: str
    name: str
    digest: str
    redacted: str
    created_at: float

    def body(self) -> dict[str, object]:
        """Return it as the API shows it."""
        return {
            "object": "organization.admin_api_key",
            "id": self.id,
            "name": self.name,
            "redacted_value": self.redacted,
            "created_at": int(self.created_at),
            "expires_at": None,
            "last_used_at": None,
            "owner": {
                "type": "user",
                "object": "organization.user",
                "id": "user-owner",
                "name": "Owner",
                "created_at": int(self.created_at),
                "role": "owner",
            },
        }
