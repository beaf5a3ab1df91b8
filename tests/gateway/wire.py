"""What a client of the gateway writes to its connection, and reads from it."""

from __future__ import annotations

import socket

import trio


async def rest_of(stream: trio.abc.ReceiveStream) -> bytes:
    found = b""
    try:
        while data := await stream.receive_some():
            found += data
    except trio.BrokenResourceError:
        found += b"<reset>"
    return found


async def until(stream: trio.abc.ReceiveStream, text: bytes) -> bytes:
    """Receive until this has come."""
    found = b""
    while text not in found:
        data = await stream.receive_some()
        assert data, f"it ended with {found!r}"
        found += data
    return found


def request(
    body: bytes = b"",
    *headers: bytes,
    method: bytes = b"POST",
    path: bytes = b"/v1/responses",
    close: bool = True,
) -> bytes:
    """Write a request as a client would."""
    fields = [b"Host: localhost", b"Authorization: Bearer any", *headers]
    fields += [b"Connection: close"] if close else []
    given = {one.lower().partition(b":")[0] for one in headers}
    if not given & {b"content-length", b"transfer-encoding"}:
        fields.append(b"Content-Length: %d" % len(body))
    if b"content-type" not in given:
        fields.append(b"Content-Type: application/json")
    return b"%b %b HTTP/1.1\r\n%b\r\n\r\n%b" % (method, path, b"\r\n".join(fields), body)


def reset(stream: trio.SocketStream) -> None:
    """Have the connection end with a reset."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    stream.socket.close()
