"""Which model a request names, and whether its client may use that."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from freshkey.gateway.headers import values
from freshkey.gateway.refusals import RefusedError, wrong_model

if TYPE_CHECKING:
    from collections.abc import Collection

    from freshkey.gateway.headers import Headers

_MULTIPART: Final = re.compile(
    rb'multipart/form-data\s*;.*boundary="?([^";,\s]{1,70})"?', re.IGNORECASE
)
_NAME: Final = re.compile(
    rb'content-disposition:[^\r\n]*[;\s]name="?model"?(?=[;\s]|$)', re.IGNORECASE
)
_NAMELESS: Final = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})


class _UnclearError(Exception):
    """The model can't be told; the text says why."""


def named_model(headers: Headers, body: bytes) -> str | None:
    """Return the model that a whole body names, for the record; None when none can be told."""
    try:
        return _of_body(headers, body)
    except _UnclearError:
        return None


def model_of_query(query: str) -> str | None:
    """Return the model that a WebSocket is opened for."""
    named = [value for name, value in parse_qsl(query.removeprefix("?")) if name == "model"]
    return named[0] if len(named) == 1 else None


def check_model(  # noqa: PLR0913 - what a model can be named by
    allowed: Collection[str],
    method: bytes,
    headers: Headers,
    body: bytes | None,
    query: str,
    *,
    upgrade: bool,
) -> None:
    """Refuse a request whose model is none of the allowed ones, or can't be told.

    `body` is None when it is not whole. Without any allowed ones all are. What has no body, as a
    list of files has none, starts no model, and may pass. Raises RefusedError (403).
    """
    if not allowed:
        return
    if upgrade:
        model = model_of_query(query)
        if model is None:
            raise RefusedError(wrong_model("the models here are limited: name one with ?model="))
    elif not body and body is not None and method in _NAMELESS:
        return
    else:
        try:
            model = _of_body(headers, body)
        except _UnclearError as unclear:
            message = f"the models of this client are limited, and {unclear}"
            raise RefusedError(wrong_model(message)) from None
    if not any(fnmatchcase(model, pattern) for pattern in allowed):
        raise RefusedError(wrong_model(f"this client may use {', '.join(allowed)} only"))


def _of_body(headers: Headers, body: bytes | None) -> str:
    if body is None:
        raise _UnclearError("the body is too long to find one in it")
    if values(headers, b"content-encoding"):
        raise _UnclearError("the body is encoded")
    kinds = values(headers, b"content-type")
    kind = kinds[0].strip() if len(kinds) == 1 else b""
    if multipart := _MULTIPART.fullmatch(kind):
        return _of_form(body, multipart[1])
    if kind.split(b";")[0].strip().lower() != b"application/json":
        raise _UnclearError("the body is neither JSON nor a form")
    return _of_json(body)


def _of_json(body: bytes) -> str:
    try:
        content = json.loads(body.decode(), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise _UnclearError("the body is not valid JSON") from None
    named = [v for k, v in content if k == "model"] if isinstance(content, _Pairs) else []
    # Of two, nobody knows which one OpenAI takes.
    if len(named) != 1 or not isinstance(named[0], str):
        raise _UnclearError("the body names no model, or more than one")
    return named[0]


class _Pairs(list[tuple[str, object]]):
    """An object with all of its members, also those that have the same name."""


def _of_form(body: bytes, boundary: bytes) -> str:
    """Find the field in a whole form (RFC 7578)."""
    first_part, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if first_part.strip() or not parts or not parts[-1].startswith(b"--"):
        raise _UnclearError("the form is not whole")
    named: list[bytes] = []
    for part in parts[:-1]:
        head, found, content = part.partition(b"\r\n\r\n")
        if not found:
            raise _UnclearError("the form is not valid")
        if any(_NAME.match(line) for line in head.split(b"\r\n")):
            named.append(content)
    if len(named) != 1:
        raise _UnclearError("the form names no model, or more than one")
    return named[0].decode(errors="replace")
