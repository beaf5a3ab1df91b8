"""What this version parses and does not do yet: refused by name when used, never ignored.

Whoever builds one of these deletes its row.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from freshkey.settings.faults import Finding, Place
from freshkey.settings.model import Settings

# "*" is every key.
_OPTIONS: Final[tuple[tuple[str, ...], ...]] = (
    ("keys", "*", "hooks"),
    ("server", "health"),
)


def unbuilt(settings: Settings) -> Iterator[Finding]:
    """List what is used of it."""
    for pattern in _OPTIONS:
        for place, value in _matching(settings, pattern, ()):
            if value:
                yield Finding(place, "is not done by this version yet: remove it")


def _matching(
    value: object, pattern: tuple[str, ...], place: Place
) -> Iterator[tuple[Place, object]]:
    if not pattern:
        yield place, value
        return
    name, *rest = pattern
    inner: Iterable[tuple[str, object]]
    inner = value.items() if isinstance(value, dict) else [(name, getattr(value, name))]
    for part, item in inner:
        yield from _matching(item, tuple(rest), (*place, part))
