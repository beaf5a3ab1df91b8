"""What the RustSec Advisory Database says of a crate, in OSV's format.

Its own format: https://github.com/RustSec/advisory-db, "Advisory Format". A version is affected if
it is neither patched nor unaffected.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Final

from tools.audit.advisories import CRATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEAD: Final = re.compile(r"```toml\n(.*?)\n```", re.DOTALL)
_BOUND: Final = re.compile(r"(>=|<=|<) ?(\d+)\.(\d+)\.(\d+)")


def as_osv(text: str) -> dict[str, Any] | None:
    """Return an advisory, or None for one that was withdrawn; ValueError for what is not known.

    That is also one that was taken from elsewhere, under another licence than all of RustSec's own.
    """
    head = _HEAD.search(text)
    if head is None:
        raise ValueError("an advisory of RustSec has no head in TOML")
    parsed = tomllib.loads(head[1])
    advisory = parsed["advisory"]
    if "license" in advisory:
        raise ValueError(f"{advisory['id']} is under {advisory['license']}")
    if "withdrawn" in advisory:
        return None
    try:
        events = list(_events(parsed["versions"]))
    except ValueError as error:
        raise ValueError(f"{advisory['id']}: {error}") from None
    affected = {
        "package": {"ecosystem": CRATES, "name": advisory["package"]},
        "ranges": [{"type": "SEMVER", "events": events}],
    }
    aliases = sorted(advisory.get("aliases", ()))
    return {"id": advisory["id"], "aliases": aliases, "affected": [affected]}


def _events(versions: Mapping[str, list[str]]) -> Iterator[dict[str, str]]:
    """Give where affected versions begin and end."""
    introduced = "0"
    for bound in versions.get("unaffected", ()):
        sign, numbers = _read(bound)
        if sign == ">=":
            yield {"fixed": _text(numbers)}
            continue
        if introduced != "0":
            raise ValueError(f"a second bound of unaffected versions: {bound}")
        # The next one after `<=`; RustSec's own export to OSV does the same.
        introduced = _text(numbers if sign == "<" else (*numbers[:2], numbers[2] + 1))
    yield {"introduced": introduced}
    for bound in versions["patched"]:
        sign, numbers = _read(bound)
        if sign != ">=":
            raise ValueError(f"a bound of patched versions that is not known: {bound}")
        yield {"fixed": _text(numbers)}


def _read(bound: str) -> tuple[str, tuple[int, int, int]]:
    found = _BOUND.fullmatch(bound)
    if found is None:
        raise ValueError(f"a bound of versions that is not known: {bound}")
    return found[1], (int(found[2]), int(found[3]), int(found[4]))


def _text(numbers: tuple[int, int, int]) -> str:
    return ".".join(map(str, numbers))
