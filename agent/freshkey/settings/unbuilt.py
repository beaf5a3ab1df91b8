"""What this version parses and does not do yet: refused by name when used, never ignored.

Whoever builds one of these deletes its row.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from freshkey.settings.faults import Finding, Place
from freshkey.settings.model import FileFormat, Settings

# "*" is every key, or every element; None refuses whatever is set, else that value alone.
_OPTIONS: Final[dict[tuple[str, ...], object]] = {
    ("keys", "*", "files", "*", "format"): FileFormat.TEMPLATE,
    ("keys", "*", "hooks"): None,
    ("server", "health"): None,
}


def unbuilt(settings: Settings) -> Iterator[Finding]:
    """List what is used of it."""
    for pattern, refused in _OPTIONS.items():
        for place, value in _matching(settings, pattern, ()):
            if refused is None and value:
                yield Finding(place, "is not done by this version yet: remove it")
            elif refused is not None and value == refused:
                yield Finding(place, f'"{refused}" is not done by this version yet: use another')


def _matching(
    value: object, pattern: tuple[str, ...], place: Place
) -> Iterator[tuple[Place, object]]:
    if not pattern:
        yield place, value
        return
    name, *rest = pattern
    inner: Iterable[tuple[str | int, object]]
    match value:
        case dict():
            inner = value.items()
        case tuple():
            inner = enumerate(value)
        case _:
            inner = [(name, getattr(value, name))]
    for part, item in inner:
        yield from _matching(item, tuple(rest), (*place, part))
