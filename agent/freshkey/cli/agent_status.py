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


def last_fault(path: Path, name: str) -> str:
    """One line on the last fault of a key; empty where there is none, or the agent can't say."""
    try:
        keys = agent_status(path).get("keys")
    except CommandError:
        return ""
    for key in keys if isinstance(keys, list) else ():
        if isinstance(key, dict) and key.get("name") == name and key.get("last_fault"):
            return fault_text(key["last_fault"])
    return ""
