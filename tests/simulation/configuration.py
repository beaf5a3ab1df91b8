"""The configuration file that a history begins with, and its edits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.simulation.histories import ADDED, Edit, History, KeyPlan, key_name

if TYPE_CHECKING:
    from pathlib import Path

NODES = ("http://127.0.0.1:8200", "http://127.0.0.1:8210", "http://127.0.0.1:8220")
EXCHANGE = "http://127.0.0.1:8300/oauth/token"
OPENAI = "http://127.0.0.1:8300/v1"
PROGRAM = "reload-"  # and the place of its hook: what hooks run
HOOK_TIMEOUT = 10.0  # seconds
EDITED_TTL = 240  # seconds, of all leases, by an edit
REFRESH = 90.0  # seconds between two reads of a static key, at most
_TEMPLATE = """{{ name }}: {{ "Bearer " ~ key }}"""


def key_file(directory: Path, name: str) -> Path:
    """Return where a key's file is."""
    return directory / "keys" / name


def credential_socket(directory: Path, name: str) -> Path:
    """Return where the socket is that writes a key."""
    return directory / f"{name}.cred"


def configuration(history: History, directory: Path) -> str:
    """Return the text of the file."""
    keys = {key_name(index): plan for index, plan in enumerate(history.keys)}
    return _text(history, directory, keys)


def edited(history: History, directory: Path, edit: Edit) -> str:
    """Return the text after an edit."""
    keys = {key_name(index): plan for index, plan in enumerate(history.keys)}
    match edit:
        case Edit.BROKEN:
            return _text(history, directory, keys) + "\n[keys.alpha]\nrenew_at = 7\n"
        case Edit.REMOVE_KEY:
            del keys[key_name(len(keys) - 1)]
        case Edit.ADD_KEY:
            keys[key_name(3)] = ADDED
        case Edit.CHANGE_TTL:
            return _text(history, directory, keys, ttl=EDITED_TTL)
        case Edit.CHANGE_PATH:
            return _text(history, directory, keys, suffix="-2")
    return _text(history, directory, keys)


def _text(
    history: History,
    directory: Path,
    keys: dict[str, KeyPlan],
    ttl: int | None = None,
    suffix: str = "",
) -> str:
    parts = [
        f"""
[vault]
addresses = {json.dumps(NODES[: history.nodes])}
max_mints_per_minute = {history.budget}
[auth]
method = "approle"
role_id = "role-id"
secret_id_file = "{directory}/secret_id"
[state]
directory = "{directory}/state"
[server]
socket = "{directory}/agent.sock"
[gateway]
socket = "{directory}/openai.sock"
upstream = "{OPENAI}"
[[gateway.clients]]
key = "{key_name(0)}"
[log]
audit_file = "{directory}/audit.jsonl"
"""
    ]
    for name, plan in keys.items():
        path = f"kv/data/{name}" if plan.static else f"openai/creds/{name}{suffix}"
        seconds = ttl if ttl and not plan.static else '""'
        source = 'source = "federation"' if plan.federated else f'path = "{path}"\nttl = {seconds}'
        parts.append(
            f"""
[keys.{name}]
{source}
refresh = {REFRESH:g}
overlap = {plan.overlap}
check_every = {plan.check_every}
max_stale = {plan.max_stale}
on_stop = "{plan.on_stop}"
[keys.{name}.verify]
mode = "{plan.verify}"
base_url = "{OPENAI}"
probe_every = {plan.probe_every}
"""
        )
        if plan.federated:
            parts.append(_federation(name, directory, by_vault=plan.by_vault))
        if plan.in_file:
            parts.append(f'[[keys.{name}.files]]\npath = "{key_file(directory, name)}"\n')
            parts.append(f'format = "{plan.format}"\n')
            parts.append(f"template = '{_TEMPLATE}'\n" if plan.format == "template" else "")
        if plan.credential:
            socket = credential_socket(directory, name)
            parts.append(f'[keys.{name}.credential]\nsocket = "{socket}"\n')
        for place, event in enumerate(plan.hooks):
            parts.append(f'[[keys.{name}.hooks]]\non = "{event}"\n')
            parts.append(f'command = ["{PROGRAM}{place}"]\ntimeout = "{HOOK_TIMEOUT:g}s"\n')
    return "".join(parts)


def _federation(name: str, directory: Path, *, by_vault: bool) -> str:
    subject = (
        f'subject = "vault"\nvault_oidc_role = "{name}"'
        if by_vault
        else f'subject = "file"\nsubject_token_file = "{directory}/identity"'
    )
    return f"""
[keys.{name}.federation]
identity_provider_id = "idp_simulated"
service_account_id = "{name}"
{subject}
exchange_url = "{EXCHANGE}"
"""
