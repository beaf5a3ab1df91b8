"""Each promise can be seen to be broken: with a fault put into the code, its target fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.actions import RevokeToken
from freshkey.core.model.secret import Secret

from tests.fuzz.target import NAMES, Target, target_of

if TYPE_CHECKING:
    from collections.abc import Callable


def as_it_is(text: str) -> str:
    return text


def nothing(*_: object, **__: object) -> None:
    """Do nothing."""


def with_old_headers(headers: tuple[tuple[bytes, bytes], ...], *_: object, **__: object) -> bytes:
    return b"".join(name + b": " + value + b"\r\n" for name, value in headers) + b"\r\n"


def with_another_token(number: int, _: Secret) -> RevokeToken:
    return RevokeToken(number, Secret("of-somebody-else"))


FAULTS: tuple[tuple[str, str, Any], ...] = (
    ("socket_framing", "freshkey.serve.framing.RequestParser.on_body", nothing),
    ("socket_api", "freshkey.serve.access.Access.may_read", lambda *_: True),
    ("credential_socket", "freshkey.serve.access.Access.may_read", lambda *_: True),
    ("configuration", "freshkey.cli.check.redact_text", as_it_is),
    ("template", "freshkey.outputs.templates._unforeseen", lambda _error: "two\nlines"),
    ("variables", "freshkey.host.proxies.Proxy.__str__", lambda proxy: proxy.login.reveal()),
    ("identity_answer", "freshkey.vault.login.identity_http.quote", "; ".join),
    ("credential_file", "freshkey.vault.login.credentials.one_line", lambda text: f"{text}\n"),
    ("journal", "freshkey.outputs.codec.msgspec.ValidationError", KeyError),
    ("journal", "freshkey.core.tokens.lifecycle.RevokeToken", with_another_token),
    ("journal", "freshkey.core.model.secret.Secret.__repr__", Secret.reveal),
    ("hooks_file", "freshkey.hooks.done._NOT_OURS", OSError),
    ("proc_files", "freshkey.sockets.provenance._UNITS", ""),
    ("gateway_client", "freshkey.gateway.sending.request_headers", with_old_headers),
    ("gateway_answer", "freshkey.gateway.mask.KeyMask.feed", lambda _self, data: data),
    ("vault_answer", "freshkey.vault.answers.faults.quote", "; ".join),
    ("proxy_answer", "freshkey.http1.tunnels._END", rb"\n"),
    ("openai_answer", "freshkey.openai.http.redact_text", as_it_is),
    ("audit_file", "freshkey.cli.report.shown", str),
    ("client_answer", "freshkey.client.socket_source.fault_of", nothing),
    ("exec_answer", "freshkey.exec.key_names.is_word", bool),
    ("command_answer", "freshkey.cli.waiting._is_text", bool),
)


def test_every_target_has_one() -> None:
    assert sorted({name for name, _, _ in FAULTS}) == NAMES


@pytest.mark.parametrize(("name", "place", "fault"), FAULTS)
def test_a_fault_is_found(
    name: str, place: str, fault: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = target_of(name)
    monkeypatch.setattr(place, fault)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever comes out of it
        try_all(target)


def try_all(target: Target) -> None:
    for data in target.samples:
        target.try_out(data)


def test_a_long_wait_is_found_although_it_takes_no_processor_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tests.fuzz.target.monotonic", iter([0.0, 61.0]).__next__)
    with pytest.raises(AssertionError, match=r"it waited: it lasted 61\.0 s"):
        Target(nothing, (b"",)).try_out(b"")


def test_much_memory_is_found_however_much_was_used_before() -> None:
    target = Target(greedy, (b"",))
    for _ in range(2):
        with pytest.raises(AssertionError, match=r"it took 32\.0 MiB"):
            target.try_out_traced(b"")


def greedy(_: bytes) -> None:
    bytearray(32 * 2**20)
