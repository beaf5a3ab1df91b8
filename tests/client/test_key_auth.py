"""A 401 is healed with one replay: in httpx and httpx2, sync and async, whatever the body."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import freshkey.client.httpx
import freshkey.client.httpx2
import httpx
import httpx2
import pytest
from freshkey.client import AsyncSocketKey, FileKey, SocketKey

from tests.cli.agent import KEY, NEW, NO_KEY, OLD, UNCHANGED, Agent, answer, key, problem
from tests.client.libraries import INVALID, URL, Client, OpenAI

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

NEW_KEY = key(NEW, secret="sk-new")
ACCEPTED = answer(202, {})


@pytest.fixture(params=[httpx, httpx2], ids=lambda library: str(library.__name__))
def openai(request: pytest.FixtureRequest) -> OpenAI:
    return OpenAI(request.param)


@pytest.fixture(params=["sync", "asyncio", "trio"])
def client(request: pytest.FixtureRequest, openai: OpenAI) -> Client:
    return Client(openai.library, request.param, openai)


def told(agent: Agent) -> list[str]:
    return [request.body for request in agent.requests if request.body]


def test_a_refused_key_is_reported_and_the_next_one_heals(client: Client, agent: Agent) -> None:
    agent.script += [key(), ACCEPTED, NEW_KEY]
    response = client.post(SocketKey("billing"), json={"input": "hello"})
    assert response.json() == {"ok": True}
    body = json.dumps({"input": "hello"}, separators=(",", ":")).encode()
    assert client.openai.got == [(KEY, body), ("sk-new", body)]
    assert told(agent) == [f'{{"tag": "{OLD}"}}']
    assert agent.lines[2] == "GET /v1/keys/billing?wait=10 HTTP/1.1"
    assert agent.held_tags[2] == f'"{OLD}"'


def test_an_async_key_does_too(client: Client, agent: Agent) -> None:
    agent.script += [key(), ACCEPTED, NEW_KEY]
    assert client.post(AsyncSocketKey("billing"), content=b"hello").status_code == 200


def test_it_waits_for_an_agent_that_restarts_or_withdraws(client: Client, agent: Agent) -> None:
    agent.script += [key(), b"", NO_KEY, b"", UNCHANGED, key("8-aaaaaaaa"), NEW_KEY]
    assert client.post(SocketKey("billing"), content=b"hello").status_code == 200
    assert [sent for sent, _ in client.openai.got] == [KEY, "sk-new"]


def test_a_key_that_is_already_out_is_taken(client: Client, agent: Agent) -> None:
    agent.script += [key(), problem(409, "old_tag", "get that one", tag=NEW), NEW_KEY]
    assert client.post(SocketKey("billing")).status_code == 200


def test_the_application_hears_of_a_401_that_no_key_heals(client: Client, agent: Agent) -> None:
    client.openai.good = set()
    agent.script += [key(), ACCEPTED, NEW_KEY]
    response = client.post(SocketKey("billing"), content=b"hello")
    assert (response.status_code, response.json()) == (401, INVALID)
    assert len(client.openai.got) == 2, "one replay, no more"


def test_no_next_key_in_time(client: Client, agent: Agent) -> None:
    agent.script += [key(), ACCEPTED, UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED]
    response = client.post(SocketKey("billing"), wait=0.3)
    assert (response.status_code, response.json()) == (401, INVALID)
    assert len(client.openai.got) == 1


def test_a_key_that_the_agent_has_no_longer(client: Client, agent: Agent) -> None:
    agent.script += [key(), ACCEPTED, answer(200, body=b"odd")]
    assert client.post(SocketKey("billing"), wait=600).status_code == 401


@pytest.mark.parametrize(
    "refusal",
    [
        (401, {"error": {"message": "You must be a member", "code": None}}),
        (401, {"error": "a bare string"}),
        (401, ["odd"]),
        (403, INVALID),
        (429, INVALID),
        (500, INVALID),
    ],
)
def test_other_answers_are_passed_on(
    client: Client, agent: Agent, refusal: tuple[int, object]
) -> None:
    client.openai.refusal = refusal
    agent.script.append(key())
    response = client.post(SocketKey("billing"), content=b"hello")
    assert (response.status_code, response.json()) == refusal
    assert len(client.openai.got) == 1
    assert not told(agent)


def test_a_body_that_is_gone_is_not_sent_again_but_reported(client: Client, agent: Agent) -> None:
    def parts() -> Iterator[bytes]:
        yield b"hello"

    async def async_parts() -> AsyncIterator[bytes]:
        yield b"hello"

    agent.script += [key(), ACCEPTED]
    content = parts() if client.way == "sync" else async_parts()
    assert client.post(SocketKey("billing"), content=content).status_code == 401
    assert [body for _, body in client.openai.got] == [b"hello"]
    assert len(agent.requests) == 2, "no wait for a key that could not be used"
    assert told(agent) == [f'{{"tag": "{OLD}"}}']


def test_the_key_of_the_sdk_is_left_as_it_is(client: Client, agent: Agent) -> None:
    billing = SocketKey("billing")
    agent.script += [key(), ACCEPTED, NEW_KEY]
    headers = {"Authorization": f"Bearer {billing()}"}
    assert client.post(billing, headers=headers).status_code == 200
    assert len(agent.requests) == 3, "asked once, not again for the request"


def test_a_placeholder_is_replaced(client: Client, agent: Agent) -> None:
    agent.script.append(NEW_KEY)
    headers = {"Authorization": "Bearer unused"}
    assert client.post(SocketKey("billing"), headers=headers).status_code == 200


def test_a_file_that_changes_heals_too(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "billing"
    path.write_text(KEY)
    refuse = client.openai.refusal

    class Rotating(OpenAI):
        def answer(self, request: Any, body: bytes) -> Any:  # noqa: ANN401 - of either library
            response = super().answer(request, body)
            path.write_text("sk-new")
            return response

    client.openai = Rotating(client.library, refusal=refuse)
    assert client.post(FileKey(path), content=b"hello").status_code == 200
    assert [sent for sent, _ in client.openai.got] == [KEY, "sk-new"]


def test_a_file_that_stays_heals_nothing(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "billing"
    path.write_text(KEY)
    assert client.post(FileKey(path), wait=0.2).status_code == 401


def test_an_answer_that_began_is_not_read_and_never_replayed(openai: OpenAI, agent: Agent) -> None:
    """A stream that breaks off in its midst is the application's to judge: it may have acted."""
    library = openai.library
    read: list[bytes] = []

    def stream() -> Iterator[bytes]:
        read.append(b"first")
        yield b"first"
        raise library.ReadError("broken off")

    def serve(request: Any) -> Any:  # noqa: ANN401 - of either library
        openai.got.append((request.headers["Authorization"], request.read()))
        return library.Response(200, content=stream())

    auth = {"httpx": freshkey.client.httpx, "httpx2": freshkey.client.httpx2}[library.__name__]
    agent.script.append(key())
    key_auth = auth.KeyAuth(SocketKey("billing"))
    with (
        library.Client(transport=library.MockTransport(serve), auth=key_auth) as client,
        client.stream("POST", URL, content=b"hello") as response,
    ):
        assert not read
        with suppress(library.ReadError):
            response.read()
    assert read == [b"first"]
    assert len(openai.got) == 1
    assert not told(agent)
