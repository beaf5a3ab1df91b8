"""What the control API tells of requests: all that was on the wire, and no key."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from testbed.emulator import pattern
from tests.testbed.emulator_key import Keyed, eventually

if TYPE_CHECKING:
    from testbed.emulator.process import OpenAIServer
    from testbed.emulator.settings import SettingsFields
    from testbed.emulator.traffic import EndpointTraffic

CHAT = {"model": "m", "messages": [], "stream": True}
MIB = 1 << 20
LARGE = 256 * MIB


def of(keyed: Keyed, endpoint: str) -> EndpointTraffic:
    nothing: EndpointTraffic = {"under_way": 0, "hung_up": 0, "last_hang_up": None}
    return keyed.server.traffic(last=0)["endpoints"].get(endpoint, nothing)


def send(
    keyed: Keyed, method: str, path: str, headers: str = "", body: bytes = b""
) -> socket.socket:
    """Send a request as it stands; return the connection, to be read or closed."""
    connection = socket.create_connection(("127.0.0.1", keyed.server.port), timeout=20)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {keyed.key}\r\n{headers}\r\n"
    )
    connection.sendall(head.encode() + body)
    return connection


def test_a_request_is_told_as_it_came(keyed: Keyed) -> None:
    body = json.dumps({"model": "m", "input": "x"}).encode()
    answer = httpx.post(
        f"{keyed.server.base_url}/embeddings?a=1&a=%2f",
        content=body,
        headers=[*keyed.headers.items(), ("X-One", "1"), ("x-one", "2")],
    )
    told = keyed.server.traffic(last=1)["requests"][0]
    assert (told["endpoint"], told["method"]) == ("embeddings", "POST")
    assert told["target"] == "/v1/embeddings?a=1&a=%2f"
    assert [value for name, value in told["headers"] if name == "x-one"] == ["1", "2"]
    assert told["fingerprint"] == keyed.fingerprint
    assert dict(told["headers"])["authorization"] == f"Bearer {keyed.fingerprint}"
    assert told["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert (told["body_size"], told["body_complete"]) == (len(body), True)
    assert (told["status"], told["sent"]) == (200, len(answer.content))
    assert told["request_id"] == answer.headers["x-request-id"]
    assert told["ended"] is not None
    assert told["began"] <= told["ended"]


def test_no_key_is_told_wherever_it_stood(keyed: Keyed) -> None:
    headers = {
        "Authorization": f"Bearer {keyed.key}",
        "X-Api-Key": keyed.key,
        "Proxy-Authorization": "Basic c2VjcmV0",
        "Sec-WebSocket-Protocol": "realtime, openai-insecure-api-key.secret-token",
    }
    httpx.get(f"{keyed.server.base_url}/models?key={keyed.key}", headers=headers)
    told = json.dumps(keyed.server.traffic())
    assert keyed.fingerprint in told
    for secret in (keyed.key, keyed.key[20:40], "c2VjcmV0", "secret-token"):
        assert secret not in told


def test_a_client_that_hangs_up_in_a_stream_is_noticed_at_once(keyed: Keyed) -> None:
    keyed.server.configure(stream_hold={"chat.completions": 1})
    body = json.dumps(CHAT).encode()
    before = keyed.server.traffic(last=0)["now"]
    with send(
        keyed, "POST", "/v1/chat/completions", f"Content-Length: {len(body)}\r\n", body
    ) as connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert b"assistant" in answer.readline()
        assert of(keyed, "chat.completions")["under_way"] == 1
        answer.close()
    eventually(lambda: of(keyed, "chat.completions")["hung_up"] == 1)
    told = of(keyed, "chat.completions")
    assert told["last_hang_up"] is not None
    assert before < told["last_hang_up"] <= keyed.server.traffic(last=0)["now"]
    eventually(lambda: of(keyed, "chat.completions")["under_way"] == 0)
    (request,) = keyed.server.traffic(last=1)["requests"]
    assert (request["hung_up"], request["status"]) == (True, 200)


@pytest.mark.parametrize(
    "settings",
    [{"delay_before": {"models.list": 3600}}, {"delay_after": {"models.list": 3600}}],
    ids=["before", "after"],
)
def test_a_client_that_hangs_up_before_the_first_byte_is_noticed_at_once(
    keyed: Keyed, settings: SettingsFields
) -> None:
    keyed.server.configure(**settings)
    with send(keyed, "GET", "/v1/models"):
        eventually(lambda: of(keyed, "models.list")["under_way"] == 1)
    eventually(lambda: of(keyed, "models.list")["hung_up"] == 1)
    eventually(lambda: of(keyed, "models.list")["under_way"] == 0)


def test_a_client_that_hangs_up_in_its_upload_is_noticed(keyed: Keyed) -> None:
    headers = "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n"
    with send(keyed, "POST", "/v1/files", headers, b"--x\r\n"):
        eventually(lambda: keyed.server.traffic(last=1)["requests"][0]["body_size"] == 5)
    eventually(lambda: of(keyed, "files.create")["hung_up"] == 1)
    eventually(lambda: of(keyed, "files.create")["under_way"] == 0)
    assert not keyed.server.traffic(last=1)["requests"][0]["body_complete"]


def test_a_client_that_waits_for_its_answer_has_not_hung_up(keyed: Keyed) -> None:
    with keyed.client() as client:
        for _ in range(3):
            client.models.list()
    assert of(keyed, "models.list") == {"under_way": 0, "hung_up": 0, "last_hang_up": None}


def test_a_lost_answer_is_no_hang_up(keyed: Keyed) -> None:
    keyed.server.configure(lost_answers={"models.list": 1})
    with send(keyed, "GET", "/v1/models") as connection:
        assert connection.recv(1) == b""
    eventually(lambda: of(keyed, "models.list")["under_way"] == 0)
    assert of(keyed, "models.list")["hung_up"] == 0


@pytest.mark.parametrize(("good", "first"), [(True, b"100"), (False, b"401")])
def test_a_large_body_is_asked_for_once_the_key_is_known(
    keyed: Keyed, *, good: bool, first: bytes
) -> None:
    if not good:
        keyed.server.delete_account(keyed.account_id)
    headers = (
        "Content-Type: multipart/form-data; boundary=x\r\n"
        "Content-Length: 1000000\r\nExpect: 100-continue\r\n"
    )
    with send(keyed, "POST", "/v1/files", headers) as connection:
        assert connection.recv(12) == b"HTTP/1.1 " + first


def memory(server: OpenAIServer, what: str) -> int:
    """Bytes of `VmRSS`, or of `VmHWM`, the most since it was reset (proc(5))."""
    found = re.search(rf"{what}:\s+([0-9]+) kB", Path(f"/proc/{server.pid}/status").read_text())
    assert found is not None
    return int(found[1]) << 10


def forget_high_water(server: OpenAIServer) -> None:
    Path(f"/proc/{server.pid}/clear_refs").write_text("5")


def test_a_large_file_is_never_in_memory(keyed: Keyed) -> None:
    with keyed.client() as client:
        client.files.create(file=("small", b"x" * MIB), purpose="user_data")
    before = memory(keyed.server, "VmRSS")
    forget_high_water(keyed.server)
    head = (
        b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="large"\r\n\r\n'
    )
    end = b"\r\n--x--\r\n"
    headers = (
        "Content-Type: multipart/form-data; boundary=x\r\n"
        f"Content-Length: {len(head) + LARGE + len(end)}\r\n"
    )
    with send(keyed, "POST", "/v1/files", headers, head) as connection:
        for piece in pattern.pieces(LARGE):
            connection.sendall(piece)
        connection.sendall(end)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        made = json.load(answer)
    assert (made["bytes"], made["sha256"]) == (LARGE, pattern.sha256(LARGE))
    assert memory(keyed.server, "VmHWM") - before < 32 * MIB

    forget_high_water(keyed.server)
    content, size = hashlib.sha256(), 0
    with send(keyed, "GET", f"/v1/files/{made['id']}/content") as connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.headers["content-length"] == str(LARGE)
        while piece := answer.read(MIB):
            content.update(piece)
            size += len(piece)
    assert (size, content.hexdigest()) == (LARGE, made["sha256"])
    assert memory(keyed.server, "VmHWM") - before < 32 * MIB
    print(f"\n{(memory(keyed.server, 'VmHWM') - before) / MIB:.1f} MiB more than before")
