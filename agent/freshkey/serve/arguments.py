"""What a request says beside its path: the parameters of the query, the members of the body.

All raise ValueError, whose text tells the client what is wrong and what to do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from freshkey.settings.values import WrongValueError, duration

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_WAIT: Final = 300  # seconds
_MOST_DIGITS: Final = 20  # Python reads no integer of thousands of them


def wait_of(query: str) -> float:
    """Return the seconds that `wait` allows, 300 at most; 0 without it.

    Other parameters are ignored. Nothing is percent-decoded, for no duration needs it.
    """
    pairs = (part.partition("=") for part in query.split("&"))
    values = [value for name, _, value in pairs if name == "wait"]
    if not values:
        return 0.0
    if len(values) > 1:
        raise ValueError("wait is given more than once: give it once")
    [value] = values
    is_seconds = value.isdecimal() and len(value) <= _MOST_DIGITS
    try:
        return min(duration(int(value) if is_seconds else value), MAX_WAIT)
    except WrongValueError:
        # Without its words: they quote the value, which may be a key in the wrong place.
        raise ValueError('wait is not a duration: give seconds, or such as "90s", "2m"') from None


def members(body: bytes, kinds: Mapping[str, type]) -> dict[str, object]:
    """Parse a body that is a JSON object with members of these names and types, none required.

    An empty body is an empty object. Unknown members are refused: what is misspelt would be
    ignored.
    """
    if not body:
        return {}
    try:
        content: object = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON in UTF-8") from None
    if not isinstance(content, dict) or not all(
        name in kinds and type(value) is kinds[name] for name, value in content.items()
    ):
        wanted = ", ".join(f"{name} ({kind.__name__})" for name, kind in kinds.items())
        raise ValueError(f"the body must be an object with these members only: {wanted}")
    return content
