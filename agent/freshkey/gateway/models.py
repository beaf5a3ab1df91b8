"""Which model a request names, and whether its client may use that."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, final
from urllib.parse import parse_qsl

from freshkey.gateway.forms import FormReader, UnclearError, boundary_of
from freshkey.gateway.refusals import RefusedError, wrong_model
from freshkey.http1.headers import values

if TYPE_CHECKING:
    from collections.abc import Collection

    from freshkey.gateway.targets import Target
    from freshkey.http1.headers import Headers

_REALTIME: Final = "/realtime"
_NAMELESS: Final = frozenset({b"GET", b"HEAD", b"DELETE", b"OPTIONS"})


def named_model(headers: Headers, body: bytes) -> str | None:
    """Return the model that a whole body names, for the record; None when none can be told."""
    try:
        return _of_body(headers, body)
    except UnclearError:
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
    target: Target,
    *,
    upgrade: bool,
) -> FormCheck | None:
    """Refuse a request whose model is none of the allowed ones, or can't be told.

    `body` is None when it is too long: then the check of a form is returned, which it has to pass
    on its way. Without any allowed ones all are. What has no body, as a list of files has none,
    starts no model, and may pass. Raises RefusedError (403).
    """
    if not allowed:
        return None
    path, query = target
    if upgrade:
        model = model_of_query(query)
        if path != _REALTIME or model is None:  # elsewhere each message names its own
            message = f"the models of this client are limited: open {_REALTIME}?model=…"
            raise RefusedError(wrong_model(message))
        _check(allowed, model)
        return None
    if not body and body is not None and method in _NAMELESS:
        return None
    try:
        if body is None:
            return FormCheck(_form(headers), allowed)
        _check(allowed, _of_body(headers, body))
    except UnclearError as unclear:
        raise _unclear(unclear) from None
    return None


@final
class FormCheck:
    """Reads the model of a form that passes; `end` says whether the rest of it may."""

    def __init__(self, reader: FormReader, allowed: Collection[str]) -> None:
        self._reader = reader
        self._allowed = allowed

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the form."""
        self._reader.feed(data)

    def end(self) -> str:
        """Return the model; raises RefusedError (403)."""
        try:
            model = self._reader.model()
        except UnclearError as unclear:
            raise _unclear(unclear) from None
        _check(self._allowed, model)
        return model


def _unclear(why: UnclearError) -> RefusedError:
    return RefusedError(wrong_model(f"the models of this client are limited, and {why}"))


def _check(allowed: Collection[str], model: str) -> None:
    if not any(fnmatchcase(model, pattern) for pattern in allowed):
        raise RefusedError(wrong_model(f"this client may use {', '.join(allowed)} only"))


def _form(headers: Headers) -> FormReader:
    """Return what reads a form; raises UnclearError for another kind of body."""
    boundary = boundary_of(_kind(headers))
    if boundary is None:
        raise UnclearError("the body is too long to find one in it")
    return FormReader(boundary)


def _kind(headers: Headers) -> bytes:
    if values(headers, b"content-encoding"):
        raise UnclearError("the body is encoded")
    kinds = values(headers, b"content-type")
    return kinds[0].strip() if len(kinds) == 1 else b""


def _of_body(headers: Headers, body: bytes) -> str:
    kind = _kind(headers)
    if boundary := boundary_of(kind):
        reader = FormReader(boundary)
        reader.feed(body)
        return reader.model()
    if kind.split(b";")[0].strip().lower() != b"application/json":
        raise UnclearError("the body is neither JSON nor a form")
    return _of_json(body)


def _of_json(body: bytes) -> str:
    try:
        content = json.loads(body.decode(), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise UnclearError("the body is not valid JSON") from None
    named = [v for k, v in content if k == "model"] if isinstance(content, _Pairs) else []
    # Of two, nobody knows which one OpenAI takes.
    if len(named) != 1 or not isinstance(named[0], str):
        raise UnclearError("the body names no model, or more than one")
    return named[0]


class _Pairs(list[tuple[str, object]]):
    """An object with all of its members, also those that have the same name."""
