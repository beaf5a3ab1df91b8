"""What is wrong with a configuration: every fault with its place."""

import re
from collections.abc import Iterable, Iterator
from operator import eq
from typing import Final

from freshkey.core.model.struct import Struct
from freshkey.settings.values import quoted

Place = tuple[str | int, ...]  # ("keys", "billing", "files", 0, "mode")

_BARE: Final = r"[A-Za-z0-9_-]+"  # https://toml.io/en/v1.0.0#keys


def rendered(place: Place) -> str:
    """Write a place as in `keys.billing.files[0].mode`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(_BARE, part) else quoted(part))
    return text


class SettingsFault(Struct, frozen=True):
    """One fault: `path` is its place in the file, or the file; `message` is one line."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SettingsError(Exception):
    """The configuration can't be used; `faults` says why, in the order of the tables."""

    def __init__(self, faults: tuple[SettingsFault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class Finding(Struct, frozen=True):
    """A fault while its place is still known by parts; `about`: other places that it rests on."""

    place: Place
    message: str
    about: tuple[Place, ...] = ()


def independent(findings: Iterable[Finding], earlier: list[Finding]) -> Iterator[Finding]:
    """Leave out what rests on a place where a fault was found already."""
    for finding in findings:
        places = (finding.place, *finding.about)
        if not any(_touch(place, found.place) for place in places for found in earlier):
            yield finding


def _touch(one: Place, other: Place) -> bool:
    return all(map(eq, one, other))  # up to the end of the shorter one
