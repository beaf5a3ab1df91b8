"""What a configuration needs of Vault: capabilities, path by path. Pure.

Sources: https://developer.hashicorp.com/vault/docs/concepts/policies, and what Vault 1.21 has in
its `default` policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.model.policy import Subject
from freshkey.core.model.struct import Struct
from freshkey.settings.auth import TokenAuth
from freshkey.settings.faults import rendered

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from freshkey.settings.keys import KeySettings
    from freshkey.settings.model import Settings

_AUTH: Final = ("auth",)
_CREDS: Final = "/creds/"
_DATA: Final = "/data/"


class Need(Struct, frozen=True):
    """One capability on one path, as a policy writes it.

    `places` are the tables of the configuration that need it, `default` says that Vault's own
    policy of that name gives it.
    """

    path: str
    capability: str
    purpose: str
    places: tuple[str, ...]
    default: bool = False

    @property
    def example(self) -> str:
        """A path that the policy's path covers."""
        return self.path.removesuffix("*") + "lease" if self.path.endswith("/*") else self.path

    def __str__(self) -> str:
        return f"`{self.capability}` on {self.path}"


def engine_role(path: str) -> tuple[str, str] | None:
    """Return mount and role of a path of the OpenAI engine, MOUNT/creds/ROLE; None for others.

    KV/data/creds/NAME is a secret's: a mount of that name has to end otherwise.
    """
    mount, _, role = path.rpartition(_CREDS)
    if not mount or "/" in role or mount.endswith("/data"):
        return None
    return mount, role


def needs(settings: Settings, static: Container[str] | None = None) -> tuple[Need, ...]:
    """Return the capabilities that the agent uses, each once, in the order of the configuration.

    `static` are the keys whose secrets have no lease; by default those that KV version 2 has, by
    the look of their paths.
    """
    if static is None:
        paths = {name: key.path for name, key in settings.keys.items() if key.subject is None}
        static = {name for name, path in paths.items() if _DATA in path and not engine_role(path)}
    found: dict[str, Need] = {}
    for need in _listed(settings, static):
        known = found.get(need.path)
        places = need.places if known is None else (*known.places, *need.places)
        found[need.path] = Need(need.path, need.capability, need.purpose, places, need.default)
    return tuple(found.values())


def _listed(settings: Settings, static: Container[str]) -> Iterator[Need]:
    leases: list[str] = []
    for name, key in settings.keys.items():
        place = rendered(("keys", name))
        if key.subject is not None:
            yield from _identity(key, place)
            continue
        yield Need(key.path, "read", "a read gives the key", (place,))
        if name not in static:
            leases.append(place)
            path = f"sys/leases/revoke/{key.path}/*"
            yield Need(path, "update", "its leases are revoked, and no others", (place,))
    if not settings.uses_vault:
        return
    yield _default("auth/token/lookup-self", "read", "the token's own terms")
    yield _default("auth/token/renew-self", "update", "the token is renewed")
    if not isinstance(settings.auth, TokenAuth):  # whose token is another's, and never revoked
        yield _default("auth/token/revoke-self", "update", "a token that was replaced is revoked")
    if leases:
        yield _default("sys/leases/renew", "update", "a renewable lease is renewed")
        yield _default("sys/leases/lookup", "update", "whether a lease still lives (check_every)")
    yield _default("sys/capabilities-self", "update", "`freshkey check --online` asks for these")


def _identity(key: KeySettings, place: str) -> Iterator[Need]:
    """Yield what an exchange needs of Vault, if Vault is to vouch for the agent."""
    if key.federation is not None and key.subject is Subject.VAULT:
        path = f"identity/oidc/token/{key.federation.vault_oidc_role}"
        yield Need(
            path, "read", "Vault vouches for the agent, so that OpenAI gives a key", (place,)
        )


def _default(path: str, capability: str, purpose: str) -> Need:
    return Need(path, capability, purpose, _AUTH, default=True)
