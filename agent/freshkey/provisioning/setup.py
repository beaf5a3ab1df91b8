"""The commands of `freshkey policy --setup`: engine, roles, policy; the login has its own module.

A shell runs them as they are, once everything in <> is filled in.
"""

from __future__ import annotations

from math import ceil
from shlex import quote
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from freshkey.core.pacing.timing import token_lead
from freshkey.provisioning.federation import openai_commands, vault_commands
from freshkey.provisioning.logins import login_commands
from freshkey.provisioning.needs import engine_role, needs
from freshkey.provisioning.policy import hcl
from freshkey.settings.desired_state import desired_state
from freshkey.settings.keys import VerifySettings
from freshkey.settings.urls import is_loopback
from freshkey.settings.values import as_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.auth import AuthSettings
    from freshkey.settings.keys import KeySettings
    from freshkey.settings.model import Settings

PLUGIN: Final = "vault-plugin-secrets-openai"
_WORDS: Final = (
    "# For an operator, once: sets up in Vault what this configuration needs.",
    "# Fill in everything in <>. Set VAULT_ADDR, VAULT_TOKEN, and OPENAI_ADMIN_KEY, which is",
    "# the organization's admin key at OpenAI. Run it with sh where the agent's credentials",
    "# are to be written; in a terminal's own shell, a line that fails would end it.",
)
_WORDS_WITHOUT_VAULT: Final = (
    "# For an operator, once: sets up at OpenAI what this configuration needs.",
    "# Fill in everything in <>. Set OPENAI_ADMIN_KEY, the organization's admin key at OpenAI.",
    "# Run it with sh; in a terminal's own shell, a line that fails would end it.",
)
_NAME_LENGTH: Final = 60
_TTL: Final = 3600.0  # the engine's own default
_MAX_TTL: Final = 24 * 3600.0
_OPENAI: Final = VerifySettings().base_url


def setup(settings: Settings) -> str:
    """Return the script for Vault's side of a configuration."""
    return "".join(f"{line}\n" for line in _lines(settings))


def _lines(settings: Settings) -> Iterator[str]:
    yield from _WORDS if settings.uses_vault else _WORDS_WITHOUT_VAULT
    yield "set -eu"
    yield "umask 077"
    if settings.vault.namespace is not None:
        yield f"export VAULT_NAMESPACE={quote(settings.vault.namespace)}"
    mounts = _by_mount(settings)
    federated = any(key.subject is not None for key in settings.keys.values())
    if mounts or federated:
        yield ': "${OPENAI_ADMIN_KEY:?set it to the admin key of the organization at OpenAI}"'
    for mount, roles in mounts.items():
        yield from _engine(mount, [key for keys in roles.values() for key in keys])
    for mount, roles in mounts.items():
        for role, keys in roles.items():
            yield from _role(mount, role, keys)
    for name, key in settings.keys.items():
        if engine_role(key.path) is None and key.subject is None:
            yield ""
            told = f"# keys.{name}: {key.path} is not the OpenAI engine's: put a secret there."
            yield told
    name = _name(settings)
    if federated:
        yield "project='<PROJECT_ID>'"
    if settings.auth is not None and settings.uses_vault:
        yield from _policy_and_login(settings, settings.auth, name)
        yield from vault_commands(settings, name)
    yield from openai_commands(settings)


def _policy_and_login(settings: Settings, auth: AuthSettings, name: str) -> Iterator[str]:
    yield ""
    yield "# What the agent may do: the output of `freshkey policy`."
    yield f"vault policy write {name} - <<'END'"
    yield hcl(needs(settings)).rstrip("\n")
    yield "END"
    yield ""
    yield from login_commands(auth, name, period=_period(settings))


def _name(settings: Settings) -> str:
    """Name the policy after the keys: another agent's is not to be overwritten."""
    name = "-".join(["freshkey", *sorted(settings.keys)])
    return name[:_NAME_LENGTH].rstrip("-")  # with which no role's name may end


def _by_mount(settings: Settings) -> dict[str, dict[str, list[KeySettings]]]:
    """Group the keys that the OpenAI engine makes by mount and role."""
    mounts: dict[str, dict[str, list[KeySettings]]] = {}
    for key in settings.keys.values():
        if found := engine_role(key.path):
            mount, role = found
            mounts.setdefault(mount, {}).setdefault(role, []).append(key)
    return mounts


def _engine(mount: str, keys: list[KeySettings]) -> Iterator[str]:
    others = dict.fromkeys(key.verify.base_url for key in keys if key.verify.base_url != _OPENAI)
    # An emulator on this machine makes the keys too; a gateway is not to get the admin key.
    near = [quote(url) for url in others if is_loopback(urlsplit(url).hostname or "")]
    endpoint = f" api_endpoint={near[0]}" if near else ""
    yield ""
    yield f"# The engine, which makes keys; its plugin is in Vault's catalog as {PLUGIN}."
    yield "# The admin key goes through a pipe: in a command's arguments every user could read it."
    yield "# Leave the next line out if the engine is enabled already."
    yield f"vault secrets enable -path={quote(mount)} {PLUGIN}"
    for url in map(quote, others):
        if url not in near:
            yield f"# Keys are tested at {url}."
            yield "# If they are made there too, with the admin key, add to the next command:"
            yield f"# api_endpoint={url}"
    yield (
        f'printf %s "$OPENAI_ADMIN_KEY" | vault write {quote(mount)}/config admin_api_key=- \\\n'
        f"    admin_api_key_id='<ADMIN_KEY_ID>' organization_id='<ORGANIZATION_ID>'{endpoint}"
    )


def _role(mount: str, role: str, keys: list[KeySettings]) -> Iterator[str]:
    ttl = _lease(keys)
    # The engine takes no notice of a ttl that is not below max_ttl.
    longest = max(_MAX_TTL, 2 * max(key.ttl or 0.0 for key in keys))
    yield ""
    yield f"# The role {role}: in which project keys are made, and how long they live."
    yield (
        f"vault write {quote(f'{mount}/roles/{role}')} project_id='<PROJECT_ID>' "
        f"ttl={as_duration(ttl)} max_ttl={as_duration(longest)}"
    )


def _lease(keys: list[KeySettings]) -> float:
    return max((key.ttl for key in keys if key.ttl is not None), default=_TTL)


def _period(settings: Settings) -> str:
    """How long the token is to live between renewals: longer than its leases, and than a move."""
    lead = token_lead(desired_state(settings).policy)
    minted = [key for key in settings.keys.values() if engine_role(key.path)]
    return as_duration(ceil(2 * max(lead, _lease(minted), _TTL)))
