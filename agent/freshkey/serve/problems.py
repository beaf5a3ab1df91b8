"""The errors that a client can act on, by their stable codes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from freshkey.serve.responses import Response, problem

if TYPE_CHECKING:
    from freshkey.core.model.view import KeyView

_RETRY_AFTER: Final = 1  # seconds, where the fault names none: asking again is cheap here


def bad_request(detail: str) -> Response:
    """400: the request itself is wrong."""
    return problem(400, "bad_request", detail)


def not_allowed() -> Response:
    """403: the key is not for this peer."""
    detail = "this key is not for you: the agent's configuration says for whom (allow)"
    return problem(403, "peer_not_allowed", detail)


def unknown_key() -> Response:
    """404: no key has that name."""
    return problem(404, "unknown_key", "the configuration has no key of this name")


def wrong_method(allowed: tuple[str, ...]) -> Response:
    """405, with what the path takes."""
    return problem(
        405,
        "method_not_allowed",
        f"this path takes {' and '.join(allowed)} only",
        headers=(("Allow", ", ".join(allowed)),),
    )


def no_key(missing: list[KeyView]) -> Response:
    """503 for keys that can't be had now, with the reason and when to ask again."""
    faults = [view.fault for view in missing if view.fault]
    delays = [fault.retry_after for fault in faults if fault.retry_after is not None]
    reasons = (
        f"{view.name} is {view.status}" + (f": {view.fault.message}" if view.fault else "")
        for view in missing
    )
    return problem(
        503,
        "no_key",
        "; ".join(reasons),
        headers=(("Retry-After", str(max(1, math.ceil(min(delays, default=_RETRY_AFTER))))),),
        fault=faults[0].kind if faults else None,
    )


def not_ready() -> Response:
    """503 for keys that this peer may not know of."""
    detail = "a key that is not for you can't be had now"
    return problem(503, "no_key", detail, headers=(("Retry-After", f"{_RETRY_AFTER}"),))


def stopping() -> Response:
    """503: the agent goes away, and may be back soon."""
    return problem(503, "stopping", "the agent stops or reloads; send the request again")
