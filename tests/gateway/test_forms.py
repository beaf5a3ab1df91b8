"""The model of a form, which may be longer than what is kept of it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import h11
import pytest
from freshkey.gateway.clients import Client
from freshkey.gateway.forms import FormReader, UnclearError
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.site import site
from tests.gateway.test_models import FILE, MODEL, OTHER, form
from tests.gateway.upstream import GOOD
from tests.gateway.wire import request

if TYPE_CHECKING:
    from tests.gateway.upstream import UpstreamConnection

KIND = b"Content-Type: multipart/form-data; boundary=b0"
LONG = FILE + b"\r\n--b" * 20_000 + b"x" * 50_000
PIECES = st.sampled_from([b"\r\n", b"--", b"b0", b"model", b'name="model"', b"x", b"\r\n--b0", b""])


def model_of(*portions: bytes) -> str | None:
    reader = FormReader(b"b0")
    for portion in portions:
        reader.feed(portion)
    try:
        return reader.model()
    except UnclearError:
        return None


@given(st.lists(PIECES, max_size=30).map(b"".join), st.lists(st.integers(0, 400), max_size=12))
def test_any_portions_give_the_same(content: bytes, cuts: list[int]) -> None:
    text = form(b"X: y\r\n\r\n" + content, MODEL, b'Content-Disposition: a; name="z"\r\n\r\n')
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assert model_of(*(text[a:b] for a, b in itertools.pairwise(places))) == model_of(text)


def test_whole_forms() -> None:
    assert model_of(form(MODEL)) == "gpt-5"
    assert model_of(form(LONG, MODEL)) == "gpt-5"
    assert model_of(form(MODEL) + b"epilogue") == "gpt-5"
    assert model_of(form(MODEL, b'Content-Disposition: form-data; name="x"\r\n\r\n')) == "gpt-5"
    assert model_of(form(b'Content-Disposition: form-data; name="model"\r\n\r\n')) == ""
    assert model_of(form(MODEL)[:-4]) is None
    assert model_of(form(MODEL, OTHER)) is None
    assert model_of(form(MODEL + b"x" * 300)) is None
    assert model_of(form(b"X: " + b"y" * 10_000)) is None


@pytest.mark.parametrize("form_of_length", [b"Transfer-Encoding: chunked", b""])
async def test_a_long_form_goes_on_whole_only_with_a_model_that_is_allowed(
    form_of_length: bytes,
) -> None:
    whole: list[bytes] = []

    async def script(connection: UpstreamConnection) -> None:
        try:
            received = await connection.request()
        except h11.RemoteProtocolError:
            return  # it broke off
        whole.append(received.body)
        await connection.answer(GOOD)

    async with site(script, [Client("team", "billing", models=("gpt-5",))]) as gateway:
        for body, status in (
            (form(LONG, MODEL), b"200"),
            (form(MODEL, LONG), b"200"),
            (form(LONG, OTHER), b"403"),
            (form(OTHER, LONG), b"403"),
            (form(LONG), b"403"),
            (form(LONG, MODEL)[:-6] + b"xxxxxx", b"403"),
            (form(LONG, MODEL, OTHER), b"403"),
        ):
            length = form_of_length or b"Content-Length: %d" % len(body)
            sent = body
            if form_of_length:
                sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
            answer = await gateway.exchange(request(sent, length, KIND))
            assert answer.startswith(b"HTTP/1.1 " + status), body[-100:]
        assert whole == [form(LONG, MODEL), form(MODEL, LONG)]
