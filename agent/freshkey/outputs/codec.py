"""The journal's bytes: JSON with a header that says which machine, boot, and version wrote it.

The first line has the digest of the lines after it. It finds damage, a flipped bit of a key for
example, and not a forger: whoever can write the journal can make its digest too.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import structs

from freshkey.core.model.ledger import Ledger
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.core.model.ledger import KeyEntry

T = TypeVar("T")

VERSION: Final = 3
_WITHOUT_DIGEST: Final = 2  # is read once more, so that an update of the agent loses no lease


class Header(Struct, frozen=True):
    """Who wrote a journal, and when: `written_at` on that boot's lease clock, `wall` since 1970."""

    machine_id: str | None
    boot_id: str | None
    written_at: float
    wall: float


class UnreadableError(Exception):
    """Why a journal can't be used, in words."""


class EncodedKeys:
    """The keys of a journal as they were encoded last, because few of many change at a time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[KeyEntry, str]] = {}

    def of(self, entries: Iterable[KeyEntry]) -> list[str]:
        """Return JSON for each; one that is as it was the last time is not encoded again."""
        before, self._known = self._known, {}
        for entry in entries:
            known = before.get(entry.name)
            if known is None or (known[0] is not entry and known[0] != entry):
                known = (entry, _json(entry))
            self._known[entry.name] = known
        return [text for _, text in self._known.values()]


def encode(header: Header, ledger: Ledger, encoded: EncodedKeys | None = None) -> bytes:
    """Return the journal's content; it holds secrets."""
    keys = ", ".join((encoded or EncodedKeys()).of(ledger.keys))
    shared = {name: value for name, value in structs.asdict(ledger).items() if name != "keys"}
    start = _json({"header": header, "ledger": shared})
    return seal(f'{start.removesuffix("}}")}, "keys": [{keys}]}}}}'.encode())


def seal(content: bytes) -> bytes:
    """Put version and digest before a JSON object; the whole is one JSON object again."""
    inner = content.removeprefix(b"{")
    first = f'{{"version": {VERSION}, "sha256": "{sha256(inner).hexdigest()}",\n'
    return first.encode() + inner


def decode(content: bytes) -> tuple[Header, Ledger]:
    """Return what `encode` was given. Raises UnreadableError, which never quotes the content.

    Any other byte than those that `encode` gave is noticed; only a journal of version 2 has to be
    taken as it is.
    """
    intact = content == seal(content.partition(b"\n")[2])
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        raise UnreadableError("it is not JSON: truncated, perhaps") from None
    version = parsed.get("version") if isinstance(parsed, dict) else None
    if not isinstance(version, int):
        raise UnreadableError("it names no version")
    # One bit makes a 3 of a 2, but does not take the digest away.
    old = version == _WITHOUT_DIGEST and parsed.keys() == {"version", "header", "ledger"}
    if not (intact or old):
        if version not in {VERSION, _WITHOUT_DIGEST}:
            raise UnreadableError(f"it has version {version}, and this freshkey reads {VERSION}")
        raise UnreadableError("its digest is that of another content: it was damaged, or edited")
    try:
        return _convert(parsed["header"], Header), _convert(parsed["ledger"], Ledger)
    except (KeyError, UnicodeEncodeError, msgspec.ValidationError):
        raise UnreadableError("its fields are not those of a journal") from None


def _json(value: object) -> str:
    # msgspec's own JSON has no infinity.
    return json.dumps(msgspec.to_builtins(value, enc_hook=_revealed))


def _revealed(value: object) -> str:
    if not isinstance(value, Secret):
        raise TypeError(f"a journal holds no {type(value).__name__}")
    return value.reveal()


def _convert(value: object, into: type[T]) -> T:
    return msgspec.convert(value, into, dec_hook=_secret)


def _secret(_: type, value: object) -> Secret:
    if not isinstance(value, str):
        raise TypeError("a secret is a string")
    value.encode()  # JSON can have half of a surrogate pair, which no text of ours has
    return Secret(value)
