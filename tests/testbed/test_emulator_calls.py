"""Every endpoint of the data plane, as the official client calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import openai
import pytest

from tests.support.openai_calls import CALLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from openai import OpenAI

    from tests.testbed.emulator_key import Keyed


FORM = "multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nb'


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_official_client_reads_every_answer(
    keyed: Keyed, call: Callable[[OpenAI], None]
) -> None:
    with keyed.client() as client:
        call(client)
    traffic = keyed.server.traffic()
    assert traffic["requests"]
    for request in traffic["requests"][1:]:  # the first made the key
        assert (request["fingerprint"], request["hung_up"]) == (keyed.fingerprint, False)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_endpoint_refuses_a_deleted_key(keyed: Keyed, call: Callable[[OpenAI], None]) -> None:
    keyed.server.delete_account(keyed.account_id)
    with keyed.client() as client, pytest.raises(openai.AuthenticationError) as refused:
        call(client)
    assert refused.value.code == "invalid_api_key"


def test_every_answer_has_a_request_id_of_its_own(keyed: Keyed) -> None:
    with keyed.client() as client:
        for call in CALLS.values():
            call(client)
        with pytest.raises(openai.NotFoundError):
            client.files.retrieve("file-none")
        with pytest.raises(openai.NotFoundError, match="Invalid URL"):
            client.batches.list()
    ids = [request["request_id"] for request in keyed.server.traffic()["requests"]]
    assert all(str(each).startswith("req_") for each in ids)
    assert len({*ids}) == len(ids)


@pytest.mark.parametrize("order", [("model", "file"), ("file", "model")])
def test_a_form_may_have_its_fields_in_any_order(keyed: Keyed, order: tuple[str, str]) -> None:
    parts: dict[str, tuple[str | None, bytes]] = {
        "model": (None, b"whisper-1"),
        "file": ("a.mp3", b"x" * 100_000),
    }
    answer = httpx.post(
        f"{keyed.server.base_url}/audio/transcriptions",
        files=[(name, parts[name]) for name in order],
        headers=keyed.headers,
    )
    assert answer.json()["text"] == "The key works."


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (b"nothing", FORM),
        (PART, FORM),
        (PART + b"\r\n--x--\r\n", FORM),
        (PART + b"b" * 70_000 + b"\r\n--x--\r\n", FORM),
    ],
    ids=["no-form", "no-part", "no-end", "no-file", "long-field"],
)
def test_a_wrong_form_is_a_400(keyed: Keyed, content: bytes, kind: str) -> None:
    answer = httpx.post(
        f"{keyed.server.base_url}/files",
        content=content,
        headers={**keyed.headers, "Content-Type": kind},
    )
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    with keyed.client() as client:
        assert client.files.list().data == []
