"""How a streamed answer comes: as fast, as long, and as far as the settings say."""

from __future__ import annotations

import itertools
import socket
import time
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.testbed.emulator_key import Keyed


MESSAGES = [{"role": "user", "content": "does this key work?"}]
STREAM = {"model": "m", "messages": MESSAGES, "stream": True}


@pytest.fixture
def http(keyed: Keyed) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=keyed.server.base_url, headers=keyed.headers, timeout=20, trust_env=False
    ) as client:
        yield client


def test_a_stream_is_as_long_as_the_setting_says(keyed: Keyed) -> None:
    keyed.server.configure(stream_events={"data_plane": 500})
    with (
        keyed.client() as client,
        client.responses.create(model="m", input="x", stream=True) as stream,
    ):
        events = [*stream]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == [f"{number} " for number in range(500)]
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.usage is not None
    assert last.response.usage.output_tokens == 500


def test_events_come_at_their_interval(keyed: Keyed, http: httpx.Client) -> None:
    keyed.server.configure(stream_interval={"chat.completions": 0.05})
    began = time.monotonic()
    with http.stream("POST", "/chat/completions", json=STREAM) as answer:
        lines = [line for line in answer.iter_lines() if line]
    assert len(lines) == 6
    assert time.monotonic() - began >= 0.05 * 5


def test_a_stream_pauses_after_its_first_event(keyed: Keyed, http: httpx.Client) -> None:
    pause = 2.0
    keyed.server.configure(stream_pause={"chat.completions": pause})
    began = time.monotonic()
    with http.stream("POST", "/chat/completions", json=STREAM) as answer:
        lines = answer.iter_lines()
        assert "assistant" in next(lines)
        assert time.monotonic() - began < pause
        rest = [line for line in lines if line]
    assert time.monotonic() - began >= pause
    assert rest[-1] == "data: [DONE]"


def test_a_stream_is_let_through_event_by_event(keyed: Keyed, http: httpx.Client) -> None:
    keyed.server.configure(stream_hold={"chat.completions": 1})
    with http.stream("POST", "/chat/completions", json=STREAM) as answer:
        lines = filter(None, answer.iter_lines())
        for number in itertools.count(2):
            line = next(lines)
            under_way = keyed.server.traffic(last=0)["endpoints"]["chat.completions"]["under_way"]
            if line == "data: [DONE]":
                break
            assert under_way == 1, "the next event does not come before it is let through"
            keyed.server.configure(stream_hold={"chat.completions": number})
    assert number == 7


def test_the_head_of_an_answer_comes_before_its_first_event(
    keyed: Keyed, http: httpx.Client
) -> None:
    keyed.server.configure(stream_hold={"responses": 0})
    asked = {"model": "m", "input": "x", "stream": True}
    with http.stream("POST", "/responses", json=asked) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        keyed.server.configure()
        assert next(answer.iter_lines()) == "event: response.created"


def test_an_upload_that_nobody_reads_stands_still(keyed: Keyed) -> None:
    keyed.server.configure(delay_before={"files.create": 3600})
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {keyed.key}\r\n"
        "Content-Length: 1000000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", keyed.server.port), timeout=0.5) as connection:
        connection.sendall(head.encode())
        with pytest.raises(TimeoutError):
            connection.sendall(bytes(64 << 20))  # more than all buffers on the way hold
    (told,) = keyed.server.traffic(last=1)["requests"]
    assert told["body_size"] == 0


def test_a_stream_breaks_in_the_middle(keyed: Keyed, http: httpx.Client) -> None:
    keyed.server.configure(stream_break={"chat.completions": 2})
    got: list[str] = []
    with (
        pytest.raises(httpx.RemoteProtocolError),
        http.stream("POST", "/chat/completions", json=STREAM) as answer,
    ):
        got.extend(line for line in answer.iter_lines() if line)
    assert len(got) == 2
    (told,) = keyed.server.traffic(last=1)["requests"]
    assert not told["hung_up"], "it was the emulator"


def test_a_download_breaks_in_the_middle(keyed: Keyed, http: httpx.Client) -> None:
    with keyed.client() as client:
        made = client.files.create(file=("a", b"x" * 1_000_000), purpose="user_data")
    keyed.server.configure(stream_break={"files.content": 3})
    sizes: list[int] = []
    with (
        pytest.raises(httpx.RemoteProtocolError, match="received 196608 bytes, expected 1000000"),
        http.stream("GET", f"/files/{made.id}/content") as answer,
    ):
        sizes.extend(len(piece) for piece in answer.iter_raw())
    assert sum(sizes) == 3 * 65536


def test_an_error_comes_so_many_times_and_the_client_asks_again(keyed: Keyed) -> None:
    keyed.server.configure(
        errors={"chat.completions": "rate_limited"},
        errors_left={"chat.completions": 2},
        retry_after=0.01,
    )
    with keyed.client(max_retries=2) as client:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    assert keyed.server.state()["answers"]["chat.completions"] == {"429": 2, "200": 1}


def test_a_429_says_how_long_to_wait(keyed: Keyed) -> None:
    keyed.server.configure(errors={"data_plane": "rate_limited"}, retry_after=7)
    with keyed.client() as client, pytest.raises(openai.RateLimitError) as limited:
        client.embeddings.create(model="m", input="x")
    assert limited.value.response.headers["retry-after"] == "7"
    assert limited.value.code == "rate_limit_exceeded"


def test_images_are_as_large_as_the_setting_says(keyed: Keyed) -> None:
    keyed.server.configure(image_bytes=3_000_000)
    with keyed.client() as client:
        made = client.images.generate(model="gpt-image-1", prompt="a small key")
    assert made.data is not None
    assert len(str(made.data[0].b64_json)) == 4_000_000
