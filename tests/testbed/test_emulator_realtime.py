"""Realtime sessions of the emulator, with the official client and without."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect

from tests.support.realtime_calls import ITEM, MODEL, converse, converse_async
from tests.testbed.emulator_key import Keyed, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.sync.connection import Connection


def url(keyed: Keyed, query: str = f"?model={MODEL}") -> str:
    return f"ws://127.0.0.1:{keyed.server.port}/v1/realtime{query}"


@pytest.fixture
def session(keyed: Keyed) -> Iterator[Connection]:
    with connect(url(keyed), additional_headers=keyed.headers, proxy=None) as connection:
        assert receive(connection)["type"] == "session.created"
        yield connection


def receive(connection: Connection) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(connection.recv(timeout=20))
    return event


def send(connection: Connection, kind: str, **fields: object) -> None:
    connection.send(json.dumps({"type": kind, **fields}))


def test_the_official_client_converses(keyed: Keyed) -> None:
    with keyed.client() as client:
        converse(client)
    (told,) = keyed.server.traffic(last=1)["requests"]
    assert (told["endpoint"], told["status"], told["hung_up"]) == ("realtime", 101, False)
    assert told["target"] == f"/v1/realtime?model={MODEL}"
    assert told["fingerprint"] == keyed.fingerprint
    eventually(lambda: keyed.server.traffic(last=1)["requests"][0]["close_code"] == 1000)


def test_the_official_client_converses_on_asyncio(keyed: Keyed) -> None:
    async def run() -> None:
        async with AsyncOpenAI(api_key=keyed.key, base_url=keyed.server.base_url) as client:
            await converse_async(client)

    asyncio.run(run())


def test_a_bad_key_is_refused_before_the_upgrade(keyed: Keyed) -> None:
    headers = {"Authorization": "Bearer sk-svcacct-wrong-0000"}
    with pytest.raises(InvalidStatus) as refused:
        connect(url(keyed), additional_headers=headers, proxy=None)
    answer = refused.value.response
    assert answer.status_code == 401
    assert answer.headers["x-request-id"].startswith("req_")
    assert json.loads(answer.body)["error"]["code"] == "invalid_api_key"
    assert keyed.server.state()["answers"]["realtime"] == {"401": 1}


def test_a_bad_key_is_refused_after_the_upgrade_when_asked_to(keyed: Keyed) -> None:
    keyed.server.configure(realtime_refuses_late=True)
    headers = {"Authorization": "Bearer sk-svcacct-wrong-0000"}
    with connect(url(keyed), additional_headers=headers, proxy=None) as connection:
        event = receive(connection)
        assert (event["type"], event["error"]["code"]) == ("error", "invalid_api_key")
        with pytest.raises(ConnectionClosedError) as closed:
            connection.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 3000
    assert closed.value.rcvd.reason == "invalid_request_error.invalid_api_key"


def test_a_session_without_a_model_is_a_400(keyed: Keyed) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(url(keyed, ""), additional_headers=keyed.headers, proxy=None)
    assert refused.value.response.status_code == 400


def test_a_browser_sends_its_key_as_a_subprotocol(keyed: Keyed) -> None:
    offered: list[Any] = ["realtime", f"openai-insecure-api-key.{keyed.key}"]
    with connect(url(keyed), subprotocols=offered, proxy=None) as connection:
        assert connection.subprotocol == "realtime"
        assert receive(connection)["type"] == "session.created"
    assert keyed.key not in json.dumps(keyed.server.traffic())


def test_a_session_outlives_its_key(keyed: Keyed, session: Connection) -> None:
    keyed.server.delete_account(keyed.account_id)
    send(session, "conversation.item.create", item=ITEM)
    assert receive(session)["type"] == "conversation.item.created"


def test_a_session_ends_with_its_key_when_asked_to(keyed: Keyed, session: Connection) -> None:
    session.close()
    keyed.server.configure(realtime_ends_with_key=True)
    with connect(url(keyed), additional_headers=keyed.headers, proxy=None) as second:
        receive(second)
        keyed.server.delete_account(keyed.account_id)
        send(second, "response.create")
        assert receive(second)["error"]["code"] == "invalid_api_key"
        with pytest.raises(ConnectionClosedError, match="3000"):
            second.recv(timeout=20)


def test_a_response_is_cancelled(keyed: Keyed, session: Connection) -> None:
    keyed.server.configure(stream_hold={"realtime": 2}, stream_events={"realtime": 50})
    send(session, "response.create")
    assert [receive(session)["type"] for _ in range(2)] == [
        "response.created",
        "response.output_item.added",
    ]
    send(session, "response.create", event_id="mine")
    refused = receive(session)["error"]
    assert refused["code"] == "conversation_already_has_active_response"
    assert refused["event_id"] == "mine"
    send(session, "response.cancel")
    done = receive(session)
    assert (done["type"], done["response"]["status"]) == ("response.done", "cancelled")
    assert done["response"]["status_details"]["reason"] == "client_cancelled"
    send(session, "response.cancel")
    assert receive(session)["error"]["code"] == "response_cancel_not_active"


def test_audio_is_committed(session: Connection) -> None:
    send(session, "input_audio_buffer.append", audio="A" * 1_000_000)
    send(session, "input_audio_buffer.commit")
    types = [receive(session)["type"] for _ in range(4)]
    assert types == [
        "input_audio_buffer.committed",
        *(f"conversation.item.{kind}" for kind in ("created", "added", "done")),
    ]
    send(session, "input_audio_buffer.commit")
    assert receive(session)["error"]["code"] == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize("text", ["{", "[]", '{"type": "x"}', '{"type": "session.update"}'])
def test_a_wrong_event_ends_nothing(session: Connection, text: str) -> None:
    session.send(text)
    assert receive(session)["type"] == "error"
    send(session, "input_audio_buffer.clear")
    assert receive(session)["type"] == "input_audio_buffer.cleared"


def test_a_client_that_drops_its_session_is_noticed(keyed: Keyed, session: Connection) -> None:
    keyed.server.configure(stream_hold={"realtime": 2})
    send(session, "response.create")
    receive(session)
    assert keyed.server.traffic(last=0)["endpoints"]["realtime"]["under_way"] == 1
    session.close_socket()  # without a close frame
    eventually(lambda: keyed.server.traffic(last=0)["endpoints"]["realtime"]["hung_up"] == 1)
    eventually(lambda: keyed.server.traffic(last=0)["endpoints"]["realtime"]["under_way"] == 0)


def test_a_session_breaks_in_the_middle(keyed: Keyed, session: Connection) -> None:
    keyed.server.configure(stream_break={"realtime": 2})
    send(session, "response.create")
    receive(session)
    receive(session)
    with pytest.raises(ConnectionClosedError, match="no close frame received"):
        session.recv(timeout=20)
    assert keyed.server.traffic(last=0)["endpoints"]["realtime"]["hung_up"] == 0
