"""What the gateway answers by itself, in OpenAI's form of an error.

Source: https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

import json
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from freshkey.core.model.view import KeyView

_RETRY_SOON: Final = (("Retry-After", "1"),)


class Refusal(NamedTuple):
    """An answer of the gateway's own; `code` is stable."""

    status: int
    code: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self, *, keep_alive: bool, has_body: bool = True) -> bytes:
        """Make an answer in HTTP/1.1 of it."""
        kind = "server_error" if self.status >= HTTPStatus.INTERNAL_SERVER_ERROR else "gateway"
        error = {"message": self.message, "type": kind, "param": None, "code": self.code}
        body = json.dumps({"error": error}).encode()
        fields = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **dict(self.headers),
            **({} if keep_alive else {"Connection": "close"}),
        }
        head = f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return head.encode() + b"\r\n" + (body if has_body else b"")


class RefusedError(Exception):
    """Ends a request with an answer of the gateway's own."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def bad_request(message: str) -> Refusal:
    """400: it is not valid HTTP/1.1, or the gateway does not take it."""
    return Refusal(400, "bad_request", message)


def headers_too_large(most: int) -> Refusal:
    """431: more of them than the gateway keeps."""
    return Refusal(431, "too_large", f"the headers are over {most} bytes; send fewer")


def headers_too_many(most: int) -> Refusal:
    """431: more of them than the gateway keeps."""
    return Refusal(431, "too_large", f"there are over {most} headers; send fewer")


def unknown_client(uid: int) -> Refusal:
    """403: no entry of the configuration is for this client; a negative uid can't be seen."""
    who = "a user that can't be seen" if uid < 0 else f"user id {uid}"
    message = f"no entry of gateway.clients is for {who}, with the token that was sent, if any"
    return Refusal(403, "peer_not_allowed", message)


def wrong_host(message: str) -> Refusal:
    """403: the request is for another host, or from one."""
    return Refusal(403, "host_not_allowed", message)


def wrong_path(message: str) -> Refusal:
    """403: the path is not for this client, or for nobody."""
    return Refusal(403, "path_not_allowed", message)


def wrong_model(message: str) -> Refusal:
    """403: the model is not for this client, or is not told."""
    return Refusal(403, "model_not_allowed", message)


def no_key(name: str, view: KeyView | None) -> Refusal:
    """503: there is no good key now, or none of that name any more."""
    if view is None:
        return Refusal(503, "no_key", f"the key {name} is configured no more; ask again")
    fault = view.fault
    delay = 1 if fault is None or fault.retry_after is None else max(1, fault.retry_after)
    reason = "" if fault is None else f": {fault.message}"
    after = (("Retry-After", f"{math.ceil(delay)}"),)
    message = f"the key {name} is {view.status}{reason}; `freshkey status` says more"
    return Refusal(503, "no_key", message, after)


def busy(most: int) -> Refusal:
    """503: as many requests are under way as the configuration allows."""
    message = f"{most} requests are under way, which is the limit: gateway.max_requests"
    return Refusal(503, "busy", message, _RETRY_SOON)


def no_room() -> Refusal:
    """503: as many are connected as the gateway takes, or as one user may be."""
    message = "too many connections; reuse them, or raise gateway.max_requests"
    return Refusal(503, "busy", message, _RETRY_SOON)


def no_answer(message: str) -> Refusal:
    """502: OpenAI can't be reached, or what came back is no answer."""
    return Refusal(502, "upstream", message)


def timed_out(seconds: float) -> Refusal:
    """504: OpenAI does not answer in time."""
    return Refusal(504, "upstream_timeout", f"OpenAI has not answered within {seconds:g} s")
