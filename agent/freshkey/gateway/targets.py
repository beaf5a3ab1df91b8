"""What a request asks for: a path below the API's, and nothing that could be read as another.

Sources: https://www.rfc-editor.org/rfc/rfc9112#name-request-target and
https://www.rfc-editor.org/rfc/rfc3986#section-3.3
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from freshkey.gateway.refusals import RefusedError, wrong_path

if TYPE_CHECKING:
    from collections.abc import Collection

BASE: Final = "/v1"
_SEGMENT: Final = r"(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+"
_TARGET: Final = re.compile(rf"{BASE}((?:/{_SEGMENT})+)(\?[!-~]*)?")
# What ends a segment, or begins an escape, for whoever decodes once more than another.
_NEVER_ESCAPED: Final = frozenset(b"/\\%;?#.")
# Keys for browsers: https://platform.openai.com/docs/api-reference/realtime-sessions
_CREDENTIALS: Final = "/realtime/client_secrets"
_ADMINISTRATION: Final = "organization"


class Target(NamedTuple):
    """`path` is what follows /v1, undecoded; `query` begins with its question mark, or is empty."""

    path: str
    query: str


def parse_target(target: bytes, allowed: Collection[str] = ()) -> Target:
    """Check a request's target, and whether it is one of the allowed paths or below one; () is all.

    Raises RefusedError (403). A path that two readers could understand differently is refused, so
    that what is decided here holds for OpenAI, too.
    """
    found = _TARGET.fullmatch(target.decode("latin-1"))
    if found is None:
        raise RefusedError(
            wrong_path(
                f"only plain paths below {BASE}/ are passed on: let the base URL end with {BASE}"
            )
        )
    path, query = found[1], found[2] or ""
    segments = [unquote_to_bytes(segment) for segment in path.split("/")[1:]]
    for segment, raw in zip(segments, path.split("/")[1:], strict=True):
        escaped = {int(code, 16) for code in re.findall("%(..)", raw)}
        if escaped & _NEVER_ESCAPED or any(code <= ord(" ") or code == 127 for code in escaped):  # noqa: PLR2004 - DEL
            raise RefusedError(wrong_path("the path has an escape that could mean another path"))
        if not segment.strip(b"."):
            raise RefusedError(wrong_path("the path has a segment of dots alone"))
    first = segments[0].decode("utf-8", errors="replace").casefold()
    if first.startswith(_ADMINISTRATION):
        raise RefusedError(wrong_path("OpenAI's administration is never passed on"))
    if path == _CREDENTIALS or path.startswith(f"{_CREDENTIALS}/"):
        raise RefusedError(wrong_path("it gives credentials of OpenAI, which clients never hold"))
    if allowed and not any(path == one or path.startswith(f"{one}/") for one in allowed):
        raise RefusedError(wrong_path(f"this client may use {', '.join(allowed)} only"))
    return Target(path, query)
