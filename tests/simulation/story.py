"""Tells a broken history so that a person can follow it, and how to see it again."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from tests.simulation.histories import History, KeyPlan, key_name, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONG: Final = re.compile(r" (?:api_key_id|service_account|request_id|correlation_id)=\S*")
_DEFAULT: Final = KeyPlan()


def tell(history: History, story: Sequence[str], what: str) -> str:
    """Return configuration, incidents, what the agent did, what broke, and the command."""
    lines = [f"BROKEN  {what}", "", f"{_described(history)}"]
    lines += [f"  {key_name(index)}: {_options(plan)}" for index, plan in enumerate(history.keys)]
    lines += ["", *(_LONG.sub("", line) for line in story), "", f"BROKEN  {what}", ""]
    lines.append(f"once more: {command(history)}")
    return "\n".join(lines)


def command(history: History) -> str:
    """Return what replays a history."""
    return f"make simulate REPLAY={shlex.quote(to_text(history))}"


def _described(history: History) -> str:
    token = "batch" if history.batch else "service"
    return (
        f"{history.seconds:g} s, nodes of Vault: {history.nodes}, {token} tokens of "
        f"{history.token_ttl} s (at most {history.token_max} s), "
        f"{history.budget or 'any number of'} mints a minute, "
        f"messages that take {history.latency:g} s, keys that work after {history.activation} s"
    )


def _options(plan: KeyPlan) -> str:
    changed = {
        name: getattr(plan, name)
        for name in plan.__struct_fields__
        if getattr(plan, name) != getattr(_DEFAULT, name)
    }
    return ", ".join(f"{name} = {value}" for name, value in changed.items()) or "as by default"
