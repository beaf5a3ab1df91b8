"""Which headers go on, towards OpenAI and back.

Source: https://www.rfc-editor.org/rfc/rfc9110#name-connection
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.http1.headers import values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from freshkey.core.model.secret import Secret
    from freshkey.http1.headers import Headers

_HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_CREDENTIALS: Final = frozenset({b"authorization", b"api-key", b"x-api-key", b"cookie"})
# What the gateway says itself. An answer is asked for as it is: of a compressed one nobody could
# tell the usage. The frames of a WebSocket likewise.
_REWRITTEN: Final = frozenset(
    {b"host", b"content-length", b"expect", b"accept-encoding", b"sec-websocket-extensions"}
)
_PROTOCOLS: Final = b"sec-websocket-protocol"
_KEY_AS_PROTOCOL: Final = b"openai-insecure-api-key"  # what browsers send, who can set no header
_LEFT_OUT: Final = frozenset({b"set-cookie", b"content-length"})


def request_headers(
    headers: Headers, host: bytes, secret: Secret, length: int | None, *, upgrade: bool
) -> bytes:
    """Encode what goes to OpenAI: the client's, with another host and credential.

    `length` is the body's, None when it comes in chunks, and 0 when there is none.
    """
    dropped = _HOP_BY_HOP | _CREDENTIALS | _REWRITTEN | _named(headers)
    lines = [b"Host: " + host, b"Authorization: Bearer " + secret.reveal().encode()]
    for name, value in headers:
        lower = name.lower()
        if lower == _PROTOCOLS:
            if left := _without_key(value):
                lines.append(name + b": " + left)
        elif lower not in dropped:
            lines.append(name + b": " + value)
    lines.append(b"Accept-Encoding: identity")
    if upgrade:
        lines += [b"Connection: Upgrade", b"Upgrade: websocket"]
    elif length is None:
        lines.append(b"Transfer-Encoding: chunked")
    elif length or values(headers, b"content-length"):
        lines.append(b"Content-Length: %d" % length)
    return b"\r\n".join([*lines, b"", b""])


def answer_headers(
    headers: Headers, key: bytes, framing: Iterable[bytes], *, upgrade: bool = False
) -> bytes:
    """Encode what goes to the client; a header that holds the key is left out.

    `framing` are the lines that say where the body ends.
    """
    dropped = _HOP_BY_HOP | _LEFT_OUT | _named(headers)
    lines = [
        name + b": " + value
        for name, value in headers
        if name.lower() not in dropped and key not in value and key not in name
    ]
    if upgrade:
        lines += [b"Connection: Upgrade", b"Upgrade: websocket"]
    return b"\r\n".join([*lines, *framing, b"", b""])


def _named(headers: Headers) -> frozenset[bytes]:
    """Return what `Connection` names: it is between two neighbours, and goes no further."""
    named = b",".join(values(headers, b"connection"))
    return frozenset(name.strip().lower() for name in named.split(b",") if name.strip())


def _without_key(protocols: bytes) -> bytes:
    offered = (one.strip() for one in protocols.split(b","))
    return b", ".join(one for one in offered if not one.lower().startswith(_KEY_AS_PROTOCOL))
