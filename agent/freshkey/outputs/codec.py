"""The journal's bytes: JSON with a header that says which machine, boot, and version wrote it.

The first line has the digest of the lines after it. It finds damage, a flipped bit of a key for
example, and not a forger: whoever can write the journal can make its digest too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from cattrs import Converter

from freshkey.core.model.ledger import Ledger
from freshkey.core.model.secret import Secret

VERSION: Final = 3
_WITHOUT_DIGEST: Final = 2  # is read once more, so that an update of the agent loses no lease


@dataclass(frozen=True, slots=True)
class Header:
    """Who wrote a journal, and when: `written_at` on that boot's lease clock, `wall` since 1970."""

    machine_id: str | None
    boot_id: str | None
    written_at: float
    wall: float


class UnreadableError(Exception):
    """Why a journal can't be used, in words."""


def encode(header: Header, ledger: Ledger) -> bytes:
    """Return the journal's content; it holds secrets."""
    content = {"header": _CONVERTER.unstructure(header), "ledger": _CONVERTER.unstructure(ledger)}
    return seal(json.dumps(content).encode())


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
        header = _CONVERTER.structure(parsed["header"], Header)
        return header, _CONVERTER.structure(parsed["ledger"], Ledger)
    except Exception:  # noqa: BLE001 - cattrs' errors quote values, which may be secrets
        raise UnreadableError("its fields are not those of a journal") from None


def _secret(value: Any, _type: type[Secret]) -> Secret:  # noqa: ANN401 - whatever JSON held
    if not isinstance(value, str):
        raise TypeError("a secret is a string")
    return Secret(value)


def _converter() -> Converter:
    # Where a fault lies is told to nobody, and to collect it doubles the time of a first decoding.
    converter = Converter(forbid_extra_keys=True, detailed_validation=False)
    converter.register_unstructure_hook(Secret, Secret.reveal)
    converter.register_structure_hook(Secret, _secret)
    return converter


_CONVERTER: Final = _converter()
