"""Changes inputs: bytes by bytes, and JSON by its values, so that what comes out is JSON again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_MOST_CHANGES: Final = 4
_MOST_BYTES: Final = 16
_DEEP: Final[list[Any]] = []
_ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2**63, 10**400, 0.5, -1e308),
    *(float("inf"), float("-inf"), float("nan")),
    *("", "x", "\0", "\n", "\x1b[2J", "\ud800", "é", "9" * 5000, "2030-01-01T00:00:00Z"),
    *("0001-01-01T00:00:00+23:59", [], {}, [1, "x"], {"": None}, _DEEP),
)


def _nest(depth: int) -> None:
    """Make the list that is as deep as the parsers of JSON take."""
    inner = _DEEP
    for _ in range(depth):
        inner.append([])
        inner = inner[0]


_nest(200)


def mutated(random: Random, data: bytes, tokens: Sequence[bytes]) -> bytes:
    """Make some changes."""
    for _ in range(random.randint(0, _MOST_CHANGES)):
        changed = _with_other_json(random, data) if random.random() < 0.5 else None
        data = changed if changed is not None else _with_other_bytes(random, data, tokens)
    return data


def _with_other_bytes(random: Random, data: bytes, tokens: Sequence[bytes]) -> bytes:
    start = random.randint(0, len(data))
    end = min(len(data), start + random.randint(0, _MOST_BYTES))
    match random.randint(0, 5):
        case 0 if tokens:
            new = random.choice(tokens)
        case 1 if tokens:
            end, new = start, random.choice(tokens)
        case 2:
            new = b""
        case 3:
            new = data[start:end] * random.randint(2, 20)
        case 4:
            return data[:start]
        case _:
            new = bytes(random.randint(0, 255) for _ in range(end - start))
    return data[:start] + new + data[end:]


def _with_other_json(random: Random, data: bytes) -> bytes | None:
    """Change a value of the first object in an input; None when there is none."""
    text = data.decode("latin-1")
    start = text.find("{")
    if start < 0:
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    changed = json.dumps(_changed(random, value))
    return f"{text[:start]}{changed}{text[end:]}".encode("latin-1", "replace")


def _changed(random: Random, value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict) and value and random.randint(0, 5):
        name = random.choice(sorted(value))
        if not random.randint(0, 5):
            return {key: one for key, one in value.items() if key != name}
        return {**value, name: _changed(random, value[name])}
    if isinstance(value, list) and value and random.randint(0, 3):
        index = random.randrange(len(value))
        if not random.randint(0, 3):
            return [*value, value[index]]
        return [*value[:index], _changed(random, value[index]), *value[index + 1 :]]
    return random.choice(_ODD)
