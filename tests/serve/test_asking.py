"""Reports of refused keys, requests to rotate, the list, and the status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.faults import Fault, FaultKind
from freshkey.core.view import KeyStatus, KeyView
from freshkey.serve.framing import Request
from freshkey.serve.processes import Peer
from freshkey.serve.responses import Response

from tests.serve.site import FRESH, TAG
from tests.serve.test_routes import PEER, Desk, content

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Peer(1, 0, 0)
REJECTED = "/v1/keys/billing/rejected"
ROTATE = "/v1/keys/billing/rotate"
AWAY = KeyView("billing", KeyStatus.WITHDRAWN, None, Fault(FaultKind.SEALED, "Vault is sealed"))


def post(desk: Desk, path: str, body: bytes, peer: Peer = PEER) -> Response:
    response = desk.routes.answer(Request("POST", path, "", {}, body, keep_alive=True), peer)
    assert isinstance(response, Response)
    return response


def code(response: Response) -> tuple[int, object]:
    return response.status, content(response).get("code")


def outcomes(desk: Desk) -> list[tuple[object, object]]:
    return [(event["event"], event["outcome"]) for event in desk.reads.events]


def test_a_report_is_handed_on() -> None:
    desk = Desk(FRESH)
    response = post(desk, REJECTED, b'{"tag": "%s"}' % TAG.encode())
    assert response.status == 202
    assert desk.orders.reports == [("billing", TAG)]
    assert outcomes(desk) == [("key.rejected", "accepted")]
    assert desk.reads.events[0]["unit"] == "billing.service"


def test_a_report_of_an_old_key() -> None:
    desk = Desk(FRESH)
    response = post(desk, REJECTED, b'{"tag": "6-00000000"}')
    assert code(response) == (409, "old_tag")
    assert content(response)["tag"] == TAG
    assert desk.orders.reports == []
    assert outcomes(desk) == [("key.rejected", "old_tag")]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"7", b'{"tag": 7}', b"\xff", b"[" * 4000])
def test_a_report_that_is_none(body: bytes) -> None:
    desk = Desk(FRESH)
    assert code(post(desk, REJECTED, body)) == (400, "bad_request")
    assert desk.orders.reports == []


def test_a_report_of_no_key() -> None:
    desk = Desk(AWAY)
    body = b'{"tag": "7-00000000"}'
    assert code(post(desk, REJECTED, body)) == (503, "no_key")
    assert code(post(desk, "/v1/keys/other/rejected", body)) == (404, "unknown_key")


@pytest.mark.parametrize(
    ("body", "compromised", "now"),
    [
        (b"", False, False),
        (b"{}", False, False),
        (b'{"compromised": true}', True, False),
        (b'{"compromised": true, "now": true}', True, True),
    ],
)
def test_root_may_rotate(body: bytes, compromised: bool, now: bool) -> None:  # noqa: FBT001 - cases
    desk = Desk(FRESH)
    response = post(desk, ROTATE, body, ROOT)
    assert response.status == 202
    assert content(response) == {"tag": TAG}
    assert desk.orders.rotations == [("billing", compromised, now)]
    assert outcomes(desk) == [("key.rotate_requested", "accepted")]


def test_others_may_not() -> None:
    desk = Desk(FRESH)
    assert code(post(desk, ROTATE, b"")) == (403, "peer_not_allowed")
    assert desk.orders.rotations == []
    assert outcomes(desk) == [("key.rotate_requested", "peer_not_allowed")]


@pytest.mark.parametrize(
    "body", [b"[]", b'{"now": true}', b'{"compromized": true}', b'{"compromised": "yes"}', b"{"]
)
def test_a_rotation_that_is_none(body: bytes) -> None:
    desk = Desk(FRESH)
    assert code(post(desk, ROTATE, body, ROOT)) == (400, "bad_request")
    assert desk.orders.rotations == []


def test_a_rotation_of_no_key() -> None:
    desk = Desk(AWAY)
    assert content(post(desk, ROTATE, b"", ROOT)) == {"tag": None}
    assert code(post(desk, "/v1/keys/other/rotate", b"", ROOT)) == (404, "unknown_key")


def test_the_list_holds_no_secret() -> None:
    desk = Desk(FRESH, KeyView("search", KeyStatus.STARTING))
    nothing: Mapping[str, Any] = dict.fromkeys(("tag", "generation", "not_after", "expires_in"))
    assert content(desk.ask("/v1/keys")) == [
        {
            "name": "billing",
            "tag": TAG,
            "generation": 7,
            "state": "fresh",
            "not_after": "2030-01-01T00:10:00Z",
            "expires_in": 600,
            "stale": False,
        },
        {"name": "search", "state": "starting", "stale": False, **nothing},
    ]
    assert desk.reads.events == []


def test_the_status_is_the_desks() -> None:
    assert content(Desk(FRESH).ask("/v1/status")) == {"version": "1", "keys": []}


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/v1/keys", "POST", "GET, HEAD"),
        ("/v1/status", "PUT", "GET, HEAD"),
        (REJECTED, "GET", "POST"),
        (ROTATE, "DELETE", "POST"),
    ],
)
def test_other_methods_are_refused(path: str, method: str, allowed: str) -> None:
    response = Desk(FRESH).ask(path, method)
    assert code(response) == (405, "method_not_allowed")
    assert dict(response.headers)["Allow"] == allowed


def test_readers_are_those_who_got_the_key() -> None:
    desk = Desk(FRESH)
    desk.ask("/v1/keys/billing")
    desk.ask("/v1/keys/other")
    assert desk.readers.of("billing") == [
        {
            "pid": 321,
            "uid": 1000,
            "executable": "/usr/bin/billing",
            "unit": "billing.service",
            "tag": TAG,
            "age": 0,
        }
    ]
    assert desk.readers.of("other") == []
