"""Requests to the gateway: how many of which client, with which key, for which model."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import msgspec

from freshkey.core.model.struct import field

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.reporting.events import Event

_MOST: Final = 1 << 62  # sums stay numbers that can be written
_HUNG_UP: Final = 499  # the client was gone before it had an answer


class Use(msgspec.Struct):
    """What one client asked of one model with one key; None where the record names none.

    Refusals are counted by their status: those that the gateway made itself, and those of OpenAI.
    """

    client: str | None
    key: str | None
    model: str | None
    requests: int = 0
    answered: int = 0
    refused_by_gateway: dict[str, int] = field(default_factory=dict)
    refused_by_openai: dict[str, int] = field(default_factory=dict)
    hung_up: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


def uses(events: Iterable[Event], since: float, until: float) -> list[Use]:
    """Add up the requests of a period, the most frequent use first."""
    found: dict[tuple[str | None, ...], Use] = {}
    for event in events:
        if event.name != "gateway.request" or not since <= event.at <= until:
            continue
        client, key, model = (event.text(name) or None for name in ("client", "key", "model"))
        _add(found.setdefault((client, key, model), Use(client, key, model)), event)
    return sorted(
        found.values(),
        key=lambda use: (-use.requests, use.client or "", use.key or "", use.model or ""),
    )


def _add(use: Use, event: Event) -> None:
    use.requests += 1
    use.input_tokens += _number(event, "input_tokens")
    use.output_tokens += _number(event, "output_tokens")
    status = _number(event, "status")
    # An answer of OpenAI has an id, a body, or both; the gateway's own have neither on record.
    is_openais = bool(event.text("x_request_id") or _number(event, "bytes_sent"))
    if status < HTTPStatus.BAD_REQUEST:
        use.answered += 1
    elif status == _HUNG_UP and not is_openais:
        use.hung_up += 1
    else:
        refusals = use.refused_by_openai if is_openais else use.refused_by_gateway
        refusals[str(status)] = refusals.get(str(status), 0) + 1


def _number(event: Event, name: str) -> int:
    value = event.fields.get(name)
    return value if isinstance(value, int) and 0 < value < _MOST else 0
