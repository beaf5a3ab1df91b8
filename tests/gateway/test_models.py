from __future__ import annotations

import pytest
from freshkey.gateway.models import check_model
from freshkey.gateway.refusals import RefusedError
from freshkey.gateway.targets import Target

JSON = ((b"Content-Type", b"application/json; charset=utf-8"),)
FORM = ((b"Content-Type", b'multipart/form-data; boundary="b0"'),)


def may(  # noqa: PLR0913 - a request, and what it may be
    body: bytes | None,
    headers: tuple[tuple[bytes, bytes], ...] = JSON,
    method: bytes = b"POST",
    query: str = "",
    path: str = "/realtime",
    *,
    upgrade: bool = False,
) -> bool:
    try:
        check_model(
            ("gpt-5*", "o4-mini"), method, headers, body, Target(path, query), upgrade=upgrade
        )
    except RefusedError:
        return False
    return True


def form(*parts: bytes, end: bytes = b"--b0--\r\n") -> bytes:
    return b"".join(b"--b0\r\n" + part + b"\r\n" for part in parts) + end


MODEL = b'Content-Disposition: form-data; name="model"\r\n\r\ngpt-5'
OTHER = b'Content-Disposition: form-data; name="model"\r\n\r\ngpt-4o'
FILE = b'Content-Disposition: form-data; name="file"; filename="model"\r\n\r\n\r\nname="model"\r\n'


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "gpt-5"}',
        b'{"x": {"model": "gpt-4o"}, "model": "gpt-5-mini"}',
        b'{"model":"o4-mini"}',
    ],
)
def test_one_that_is_allowed(body: bytes) -> None:
    assert may(body)


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"{}",
        b"[]",
        b'["model", "gpt-5"]',
        b'{"model": "gpt-4o"}',
        b'{"model": "GPT-5"}',
        b'{"model": "gpt-4o", "model": "gpt-5"}',
        b'{"model": "gpt-5", "mod\\u0065l": "gpt-4o"}',
        b'{"model": ["gpt-5"]}',
        b'{"model": "gpt-5"} {"model": "gpt-4o"}',
        b'\xef\xbb\xbf{"model": "gpt-5"}',
        '{"model": "gpt-5"}'.encode("utf-16"),
        b'{"model": "gpt-5"',
        b"[" * 50_000,
    ],
)
def test_one_that_is_not_or_can_not_be_told(body: bytes | None) -> None:
    assert not may(body)


def test_bodies_that_name_it_in_a_form() -> None:
    assert may(form(MODEL), FORM)
    assert may(form(FILE, MODEL), FORM)
    assert may(form(MODEL, FILE), FORM)
    assert may(form(MODEL.replace(b"Content-D", b"Content-Type: text/plain\r\nContent-D")), FORM)
    for body in (
        form(FILE),
        form(OTHER),
        form(MODEL, OTHER),
        form(OTHER, MODEL),
        form(MODEL, end=b""),
        form(MODEL.replace(b"\r\n\r\n", b"\n\n")),
        b"--other\r\n" + MODEL + b"\r\n--other--\r\n",
        b"preamble\r\n" + form(MODEL),
        b"",
    ):
        assert not may(body, FORM), body


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Disposition: form-data; name=model",
        b'Content-Disposition: form-data;name="model"',
        b'Content-Disposition: form-data; name="mod\\el"',
        b"Content-Disposition: form-data; name*=utf-8''model",
        b'Content-Disposition: form-data; name*0="mo"; name*1="del"',
        b'Content-Disposition: form-data; name = "model"',
        b'Content-Disposition: form-data; name="x"; name="model"',
        b'Content-Disposition: form-data; filename="; name=model "',
        b'Content-Disposition: form-data; name="model",',
        b'Content-Disposition : form-data; name="model"',
        b' Content-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data;\r\n name="model"',
        b'Content-Disposition: form-data; x="\n"; name="model"',
        b'X: y\rContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; name="model[]"',
        b'Content-Disposition: form-data; name="MODEL"',
        b'Content-Disposition: form-data; name=" model"',
        b'Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name="model"',
        b'Content-Disposition: form-data; name="x"\r\nContent-Disposition: form-data; name="model"',
        b"X: y",
        b"",
    ],
)
def test_a_part_that_another_reader_may_take_for_the_model(head: bytes) -> None:
    assert not may(form(MODEL, head + b"\r\n\r\ngpt-4o"), FORM)


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/form-data; boundary=AAA; x-boundary=b0",
        b'multipart/form-data; x=";boundary=b0"; boundary=AAA',
        b"multipart/form-data; boundary=AAA; boundary=b0",
        b"multipart/form-data; charset=utf-16; boundary=b0",
        b'multipart/form-data; boundary="b0',
        b"multipart/mixed; boundary=b0",
    ],
)
def test_a_boundary_that_another_reader_may_read_otherwise(kind: bytes) -> None:
    assert not may(form(MODEL), ((b"Content-Type", kind),))


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"Content-Type", b"text/plain"),),
        JSON * 2,
        (*JSON, (b"Content-Encoding", b"gzip")),
        ((b"Content-Type", b"multipart/form-data"),),
    ],
)
def test_bodies_whose_form_is_not_told(headers: tuple[tuple[bytes, bytes], ...]) -> None:
    assert not may(b'{"model": "gpt-5"}', headers)


def test_what_starts_no_model() -> None:
    for method in (b"GET", b"HEAD", b"DELETE"):
        assert may(b"", (), method)
        assert not may(b'{"model": "gpt-4o"}', JSON, method)
    assert not may(b"", (), b"POST")


def test_a_websocket_names_it_in_its_query() -> None:
    assert may(b"", (), b"GET", "?model=gpt-5-realtime", upgrade=True)
    for query in ("", "?model=gpt-4o", "?model=gpt-5&model=gpt-4o", "?intent=transcription"):
        assert not may(b"", (), b"GET", query, upgrade=True)
    assert not may(b"", (), b"GET", "?model=gpt-5", "/responses", upgrade=True)
