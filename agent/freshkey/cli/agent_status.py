"""What a running agent says about itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from freshkey.cli.ask import NoAgentError, ask, refusal
from freshkey.cli.failure import CommandError
from freshkey.cli.table import fault_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def agent_status(path: Path) -> Mapping[str, object]:
    """Return the object of `GET /v1/status`.

    Raises NoAgentError when the agent can't answer now, and CommandError when it will not.
    """
    answer = ask(path, "/v1/status")
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise NoAgentError(str(refusal(answer)))
    if answer.status != HTTPStatus.OK:
        raise refusal(answer)
    return answer.content


def key_status(path: Path, name: str) -> Mapping[str, object]:
    """Return what the agent says of a key; empty where it can't, or will not."""
    try:
        keys = agent_status(path).get("keys")
    except CommandError:
        return {}
    named = (
        key
        for key in (keys if isinstance(keys, list) else ())
        if isinstance(key, dict) and key.get("name") == name
    )
    return next(named, {})


def last_fault(key: Mapping[str, object]) -> str:
    """One line on the last fault of a key, empty for none."""
    return fault_text(key["last_fault"]) if key.get("last_fault") else ""


def is_static(key: Mapping[str, object]) -> bool:
    """Whether a key is published, and has no end: only a person replaces it."""
    return bool(key.get("tag")) and key.get("leases") == 0 and key.get("expires_in") is None
