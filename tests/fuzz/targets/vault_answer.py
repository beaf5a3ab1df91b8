"""Vault's answers to each operation, through our transport: what was asked for, or a fault.

The first byte of an input chooses the operation; each of its requests gets the rest as its answer.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import TYPE_CHECKING
from unittest import mock

import trio
from freshkey.core.model.grants import Grant, Login
from freshkey.core.model.secret import Secret
from freshkey.logs.redact import clear_temporary
from freshkey.settings.auth import AppRoleAuth, KubernetesAuth, TokenAuth, UserpassAuth
from freshkey.settings.model import VaultSettings
from freshkey.vault.client import VaultClient
from freshkey.vault.transport.connection import Connection
from structlog.testing import capture_logs

from tests.fuzz.answering import answer_of, outcome
from tests.fuzz.canary import CANARY, hidden_in
from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from freshkey.settings.auth import AuthSettings

TOKEN = Secret(CANARY)
PATH = "openai/creds/billing"
LONGEST = 1e9  # seconds


@contextmanager
def answering(answer: bytes) -> Iterator[None]:
    """Have every connection lead to a socket on which an answer has come, and the end."""
    with ExitStack() as opened:

        def open_(self: Connection, _: float) -> socket.socket:
            ours, theirs = map(opened.enter_context, socket.socketpair())
            theirs.sendall(answer)
            theirs.shutdown(socket.SHUT_WR)
            self._socket = ours
            return ours

        with mock.patch.object(Connection, "_open", open_):
            yield


@cache
def credential() -> Path:
    path = scratch() / "credential"
    path.write_text(CANARY)
    return path


def client(auth: AuthSettings | None = None) -> VaultClient:
    return VaultClient(VaultSettings(address="http://vault:8200"), auth or TokenAuth(), lambda: 1.0)


def login(auth: Callable[[], AuthSettings]) -> Callable[[], Awaitable[object]]:
    return lambda: client(auth()).log_in(None, lambda _: None)


OPERATIONS: tuple[Callable[[], Awaitable[object]], ...] = (
    lambda: client().mint(TOKEN, PATH, "api_key", 60),
    lambda: client().read(TOKEN, "kv/data/billing", "api_key"),
    lambda: client().renew_lease(TOKEN, "l/1", 60),
    lambda: client().look_up_lease(TOKEN, "l/1"),
    lambda: client().revoke_lease(TOKEN, "l/1"),
    lambda: client().renew_token(TOKEN, 60),
    lambda: client().look_up_token(TOKEN, owned=True),
    lambda: client().revoke_token(TOKEN),
    lambda: client().ping(),
    lambda: client().read_identity(TOKEN, "role"),
    login(lambda: AppRoleAuth(role_id="r", secret_id_file=credential(), secret_id_wrapped=True)),
    login(lambda: AppRoleAuth(role_id="r", secret_id_file=credential())),
    login(lambda: UserpassAuth(username="u", password_file=credential())),
    login(lambda: KubernetesAuth(role="r", token_file=credential())),
    login(lambda: TokenAuth(token_file=credential())),
)


def check(data: bytes) -> None:
    ask = OPERATIONS[data[0] % len(OPERATIONS) if data else 0]
    with answering(answer_of(data[1:])), capture_logs() as told:
        is_sound(trio.run(outcome, ask))
    for event in told:
        hidden_in([str(event.get("message", ""))], CANARY)
    clear_temporary()


def is_sound(found: object) -> None:
    """What the core takes is in bounds."""
    if isinstance(found, Grant | Login):
        value = (found.secret if isinstance(found, Grant) else found.token).reveal()
        assert value
        assert value.isascii()
        assert value.isprintable()
        assert " " not in value
    if isinstance(found, Grant) and found.lease_id:
        assert 0 <= found.duration < LONGEST


SECRET = CANARY.encode()
MINTED = (
    b'{"request_id": "1", "lease_id": "openai/creds/billing/x", "lease_duration": 60, '
    b'"renewable": true, "data": {"api_key": "' + SECRET + b'", "api_key_id": "key_1"}}'
)
KV = b'{"request_id": "1", "lease_id": "", "lease_duration": 0, "data": {"data": {"api_key": "' + (
    SECRET + b'"}, "metadata": {"version": 1, "deletion_time": ""}}}'
)
LOGIN = (
    b'{"auth": {"client_token": "' + SECRET + b'", "accessor": "a", "lease_duration": 60, '
    b'"renewable": true, "token_type": "service", "num_uses": 0}}'
)
LOOKUP = (
    b'{"request_id": "1", "data": {"ttl": 60, "creation_ttl": 60, "period": 0, "type": "service", '
    b'"expire_time": "2030-01-01T00:00:00Z", "num_uses": 0, "creation_path": '
    b'"auth/approle/role/a/secret-id", "secret_id": "' + SECRET + b'", "token": "e30.e30.e30"}}'
)
REFUSED = b'{"errors": ["1 error occurred:\\n\\t* permission denied: ' + SECRET + b'\\n\\n"]}'
HEALTH = b'{"initialized": true, "sealed": false, "ha_enabled": true, "leader_address": ""}'
JSON = b"Content-Type: application/json\r\n"
TARGET = Target(
    check,
    (
        b"\0\0" + MINTED,
        b"\1\0" + KV,
        b"\1\5" + KV,
        b"\2\0" + MINTED,
        b"\3\0" + LOOKUP,
        b'\4\2{"errors": ["invalid lease"]}',
        b"\5\0" + LOGIN,
        b"\6\0" + LOOKUP,
        b"\x08\x08" + HEALTH,
        b"\x09\0" + LOOKUP,
        b"\x0a\0" + LOOKUP,
        b"\x0b\0" + LOGIN,
        b"\x0c\4" + REFUSED,
        b"\x0d\0" + LOGIN,
        b"\0\4" + REFUSED,
        b"\0\x0a" + b'{"errors": ["API error (429): rate limit"]}',
        b"\0rHTTP/1.1 429 X\r\nRetry-After: 7\r\n" + JSON + b'\r\n{"errors": []}',
        b"\0rHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
        + JSON
        + b"\r\n2\r\n{}\r\n0\r\n\r\n",
        b"\0rHTTP/1.1 307 X\r\nLocation: https://other:8200/v1/x\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        *(b"\r\n", b"\n", b"\0", b"\xff", b":", b"HTTP/1.1 100 X\r\n\r\n", b"HTTP/1.1 99999 X"),
        *(b"HTTP/0.9", b"Retry-After: " + b"9" * 400 + b"\r\n", b"Retry-After: \xb2\r\n"),
        *(b"Location: http://[", b"Content-Length: -1\r\n", b"Content-Length: x\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"ffffffff\r\n", b"Content-Type: text/html\r\n"),
        *(b"Content-Type: application/json\r\n", b"9" * 5000, b"1e999", b'"errors": ["'),
        *(b'"warnings": ["', b'"lease_duration": ', b'"lease_id": "', b'"ttl": ', b"NaN"),
        *(b"\\ud800", b"\\u0000", b"\x1b[2J", b"[" * 2000, b"invalid token"),
        *(b"missing client token", b"local node not active but active cluster node not found"),
        *(b"X: y\r\n" * 200, SECRET, b'"mfa_requirement": {"x": 1}', b'"num_uses": 1'),
        *(b'role \\"x\\" does not exist', b"sealed"),
    ),
)
