"""Answers of what vouches for a machine (metadata servers, STS, Entra ID, IAM), through httpx.

The first byte of an input chooses who is asked; each of its requests gets the rest as its answer.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING
from unittest import mock

import trio
from freshkey.core.model.secret import Secret
from freshkey.logs.redact import clear_temporary
from freshkey.vault.login import gcp
from freshkey.vault.login.aws_metadata import container, instance
from freshkey.vault.login.aws_sts import assume_role
from freshkey.vault.login.azure_identity import find_identity

from tests.fuzz.answering import answer_of, answering, outcome
from tests.fuzz.canary import CANARY
from tests.fuzz.target import Target

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

APP = {"IDENTITY_ENDPOINT": "http://127.0.0.1:1/token", "IDENTITY_HEADER": CANARY}


def _instance() -> Awaitable[object]:
    asked = instance()
    assert asked is not None
    return asked


def _container() -> Awaitable[object]:
    asked = container()
    assert asked is not None
    return asked


WAYS: tuple[tuple[Callable[[], Awaitable[object]], dict[str, str]], ...] = (
    (_instance, {}),
    (_container, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}),
    (lambda: assume_role(Secret(CANARY), "arn:x", "name", None), {}),
    (lambda: find_identity("https://vault", None), {}),
    (lambda: find_identity("https://vault", None), APP),
    (lambda: gcp._identity("default", "http://vault/role"), {}),  # noqa: SLF001 - what a login does first
    (lambda: gcp._signed(None, "http://vault/role"), {}),  # noqa: SLF001 - as above
)


def check(data: bytes) -> None:
    ask, environ = WAYS[data[0] % len(WAYS) if data else 0]

    with (
        mock.patch.dict(os.environ, environ, clear=True),
        answering(answer_of(data[1:])),
    ):
        trio.run(outcome, ask)
    clear_temporary()


SECRET = CANARY.encode()
GOOGLE = b"rHTTP/1.1 200 OK\r\nMetadata-Flavor: Google\r\n\r\n"
KEYS = b'{"AccessKeyId": "A", "SecretAccessKey": "' + SECRET + b'", "Token": "t"}'
XML = (
    b"rHTTP/1.1 200 OK\r\n\r\n<AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    b"<SessionToken>&amp;t</SessionToken>"
)
CLAIMS = base64.urlsafe_b64encode(b'{"xms_az_rid": "/subscriptions/a/resourcegroups/b/x"}')
TARGET = Target(
    check,
    (
        b"\0\0" + KEYS,
        b"\1\0" + KEYS,
        b"\2" + XML,
        b"\2\2<Error><Code>Denied</Code>\n<Message>" + SECRET + b"</Message></Error>",
        b'\3\0{"access_token": "a.b.c", "subscriptionId": "s", "name": "n"}',
        b'\4\0{"access_token": "a.' + CLAIMS + b'.c"}',
        b"\5" + GOOGLE + b"eyJ.x.y",
        b"\6" + GOOGLE + b'{"access_token": "t", "signedJwt": "j"}',
        b'\3\2{"error": {"message": "' + SECRET + b'"}}',
    ),
    (
        *(b"\r\n", b"\n", b"\0", b"\xff", b"HTTP/1.1 404 X", b"HTTP/1.1 500 X"),
        *(b"Location: http://[", b"Metadata-Flavor: Google\r\n", b'"\\ud800"'),
        *(b'"access_token": "\\ud800"', b"[" * 2000, b'"access_token": "a.W10.b"'),
        *(b'"access_token": "a.bnVsbA.b"', b"<Code>", b"&#xD800;", b"&#0;"),
        *(b'"SecretAccessKey": "\\ud800"', b'"Token": "\\u00e9"', b"9" * 5000, SECRET),
        b"\x1b[2J",
    ),
)
