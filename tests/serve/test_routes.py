from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from freshkey.core.faults import Fault, FaultKind
from freshkey.core.view import KeyStatus, KeyView, Publication
from freshkey.serve.board import Board
from freshkey.serve.framing import Request
from freshkey.serve.peers import Peer
from freshkey.serve.readers import Readers
from freshkey.serve.responses import Later, Response
from freshkey.serve.routes import Routes

from tests.serve.site import FRESH, KEY, PUBLICATION, TAG, FakeDesk, Reads, StoppedClock

PEER = Peer(321, 1000, 100, "/usr/bin/python3", "billing.service")
SEALED = Fault(FaultKind.SEALED, "Vault is sealed")


class Asker:
    """Asks the routes, without a connection in between."""

    def __init__(self, *views: KeyView) -> None:
        self.reads = Reads()
        board = Board([view.name for view in views])
        for view in views:
            board.show(view)
        self.desk, self.readers = FakeDesk(), Readers(lambda: 400.0)
        self._routes = Routes(board, StoppedClock(), self.reads, self.desk, self.readers)

    def ask(self, target: str, method: str = "GET", **headers: str) -> Response:
        response = self.start(target, method, **headers)
        assert isinstance(response, Response)
        return response

    def post(self, path: str, body: dict[str, object], peer: Peer = PEER) -> Response:
        request = Request("POST", path, "", {}, json.dumps(body).encode(), keep_alive=True)
        response = self._routes.answer(request, peer)
        assert isinstance(response, Response)
        return response

    def start(self, target: str, method: str = "GET", **headers: str) -> Response | Later:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path, _, query = target.partition("?")
        request = Request(method, path, query, named, b"", keep_alive=True)
        return self._routes.answer(request, PEER)


def content(response: Response) -> Any:  # noqa: ANN401 - it is whatever was answered
    return json.loads(response.body)


def test_a_key_as_json() -> None:
    response = Asker(FRESH).ask("/v1/keys/billing")
    assert response.status == 200
    assert dict(response.headers) == {"Content-Type": "application/json", "ETag": f'"{TAG}"'}
    assert content(response) == {
        "name": "billing",
        "key": KEY,
        "tag": TAG,
        "generation": 7,
        "not_after": "2030-01-01T00:10:00Z",
        "expires_in": 600,
        "stale": False,
        "api_key_id": "key_abc",
    }


def test_a_stale_key_says_so() -> None:
    past = replace(PUBLICATION, expires_at=399.5)
    answered = content(Asker(KeyView("billing", KeyStatus.STALE, past)).ask("/v1/keys/billing"))
    assert (answered["stale"], answered["expires_in"]) == (True, -1)


def test_a_key_without_a_lease_has_no_times() -> None:
    static = Publication(1, PUBLICATION.secret, None)
    answered = content(Asker(KeyView("billing", KeyStatus.FRESH, static)).ask("/v1/keys/billing"))
    assert answered["not_after"] is None
    assert answered["expires_in"] is None
    assert answered["api_key_id"] is None
    assert answered["stale"] is False


def test_the_key_alone_for_who_accepts_text() -> None:
    response = Asker(FRESH).ask("/v1/keys/billing", accept="text/plain")
    assert response.body == KEY.encode()
    assert dict(response.headers) == {
        "Content-Type": "text/plain; charset=utf-8",
        "ETag": f'"{TAG}"',
    }


def test_304_for_who_holds_the_tag_and_200_for_who_holds_another() -> None:
    asker = Asker(FRESH)
    same = asker.ask("/v1/keys/billing", if_none_match=f'"{TAG}"')
    assert same == Response(304, (("ETag", f'"{TAG}"'),))
    assert asker.ask("/v1/keys/billing", if_none_match='"6-00000000"').status == 200


@pytest.mark.parametrize(
    ("view", "retry_after", "detail", "fault"),
    [
        (KeyView("billing", KeyStatus.STARTING), "1", "billing is starting", None),
        (
            KeyView("billing", KeyStatus.STARTING, None, SEALED),
            "1",
            "billing is starting: Vault is sealed",
            "sealed",
        ),
        (
            KeyView("billing", KeyStatus.WITHDRAWN, None, replace(SEALED, retry_after=12.1)),
            "13",
            "billing is withdrawn: Vault is sealed",
            "sealed",
        ),
    ],
)
def test_503_while_there_is_no_key(
    view: KeyView, retry_after: str, detail: str, fault: str | None
) -> None:
    response = Asker(view).ask("/v1/keys/billing")
    assert dict(response.headers) == {
        "Content-Type": "application/problem+json",
        "Retry-After": retry_after,
    }
    assert content(response) == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "code": "no_key",
        "detail": detail,
        "fault": fault,
    }


def test_404_for_a_key_that_is_not_configured() -> None:
    response = Asker(FRESH).ask("/v1/keys/other")
    assert response.status == 404
    assert content(response) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "unknown_key",
        "detail": "the configuration has no key of this name",
    }


@pytest.mark.parametrize(
    "path",
    ["/", "*", "/v1/keys/billing/", "/v2/keys/billing", "//livez", "/v1/status/"],
)
def test_404_for_every_other_path(path: str) -> None:
    response = Asker(FRESH).ask(path)
    assert (response.status, content(response)["code"]) == (404, "unknown_path")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/keys",
        "/v1/keys/billing",
        "/v1/status",
        "/livez",
        "/readyz",
        "/readyz/billing",
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_405_names_what_is_allowed(path: str, method: str) -> None:
    response = Asker(FRESH).ask(path, method)
    assert dict(response.headers)["Allow"] == "GET, HEAD"
    assert content(response) == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "code": "method_not_allowed",
        "detail": "this path takes GET and HEAD only",
    }


@pytest.mark.parametrize("path", ["/v1/keys/billing/rejected", "/v1/keys/billing/rotate"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_what_changes_something_takes_post_only(path: str, method: str) -> None:
    asker = Asker(FRESH)
    response = asker.ask(path, method)
    assert response.status == 405
    assert dict(response.headers)["Allow"] == "POST"
    assert content(response)["detail"] == "this path takes POST only"
    assert asker.desk.asked == []
    assert asker.reads.events == []


def test_what_clients_tell_reaches_the_desk() -> None:
    asker = Asker(FRESH)
    assert asker.post("/v1/keys/billing/rejected", {"tag": TAG}).status == 202
    assert asker.post("/v1/keys/billing/rotate", {}, PEER._replace(uid=0)).status == 202
    assert asker.desk.asked == [("report", "billing", TAG), ("rotate", "billing", False, False)]


def test_the_status_is_the_desks() -> None:
    response = Asker(FRESH).ask("/v1/status")
    assert response.status == 200
    assert dict(response.headers) == {"Content-Type": "application/json"}
    assert content(response) == {"version": "1.2.3", "pid": 5}


def test_the_list_of_keys_has_no_key_and_is_no_read() -> None:
    past = replace(PUBLICATION, generation=2, expires_at=399.5)
    asker = Asker(
        FRESH,
        KeyView("search", KeyStatus.STALE, past),
        KeyView("static", KeyStatus.FRESH, replace(PUBLICATION, expires_at=None)),
        KeyView("train", KeyStatus.WITHDRAWN, None, SEALED),
        KeyView("new", KeyStatus.STARTING),
    )
    response = asker.ask("/v1/keys")
    assert dict(response.headers) == {"Content-Type": "application/json"}
    columns = ("name", "tag", "generation", "state", "not_after", "expires_in", "stale")
    rows = [
        ("billing", TAG, 7, "fresh", "2030-01-01T00:10:00Z", 600, False),
        ("search", past.tag, 2, "stale", "2030-01-01T00:00:00Z", -1, True),
        ("static", TAG, 7, "fresh", None, None, False),
        ("train", None, None, "withdrawn", None, None, False),
        ("new", None, None, "starting", None, None, False),
    ]
    assert content(response) == [dict(zip(columns, row, strict=True)) for row in rows]
    assert KEY.encode() not in response.body
    assert asker.reads.events == []
    assert content(Asker().ask("/v1/keys")) == []


def test_only_who_would_have_to_wait_does() -> None:
    asker = Asker(FRESH, KeyView("search", KeyStatus.STARTING))
    held = f'"{TAG}"'
    assert isinstance(asker.start("/v1/keys/billing?wait=1s"), Response)
    assert isinstance(asker.start("/v1/keys/billing?wait=0", if_none_match=held), Response)
    assert isinstance(asker.start("/v1/keys/other?wait=1s"), Response)
    waiting = asker.start("/v1/keys/billing?wait=90", if_none_match=held)
    assert isinstance(waiting, Later)
    assert waiting.seconds == 90
    assert isinstance(asker.start("/v1/keys/search?wait=1s"), Later)


def test_a_reader_is_who_got_the_key_or_has_it() -> None:
    asker = Asker(FRESH, KeyView("search", KeyStatus.STARTING))
    asker.ask("/v1/keys/billing")
    asker.ask("/v1/keys/billing?wait=nonsense")
    asker.ask("/v1/keys/search")
    asker.ask("/v1/keys")
    asker.ask("/v1/keys/billing", if_none_match=f'"{TAG}"')
    assert asker.readers.of("billing") == [
        {
            "pid": 321,
            "uid": 1000,
            "executable": "/usr/bin/python3",
            "unit": "billing.service",
            "tag": TAG,
            "age": 0,
        }
    ]
    assert asker.readers.of("search") == asker.readers.of("other") == []


def test_alive_even_without_any_key() -> None:
    assert Asker(KeyView("billing", KeyStatus.STARTING)).ask("/livez").body == b"ok\n"


def test_ready_when_every_key_is_published() -> None:
    stale = KeyView("search", KeyStatus.STALE, PUBLICATION)
    asker = Asker(FRESH, stale)
    for path in ("/readyz", "/readyz/billing", "/readyz/search"):
        assert asker.ask(path).body == b"ok\n"


def test_not_ready_says_which_keys_and_why() -> None:
    asker = Asker(
        FRESH,
        KeyView("search", KeyStatus.STARTING),
        KeyView("train", KeyStatus.WITHDRAWN, None, SEALED),
    )
    response = asker.ask("/readyz")
    assert response.status == 503
    assert content(response)["detail"] == "search is starting; train is withdrawn: Vault is sealed"
    assert content(response)["fault"] == "sealed"
    assert asker.ask("/readyz/billing").status == 200
    assert asker.ask("/readyz/search").status == 503
    assert content(asker.ask("/readyz/other"))["code"] == "unknown_key"


def test_every_read_is_recorded_with_its_peer_and_without_the_key() -> None:
    asker = Asker(FRESH, KeyView("search", KeyStatus.STARTING))
    asker.ask("/v1/keys/billing")
    asker.ask("/v1/keys/billing", if_none_match=f'"{TAG}"')
    asker.ask("/v1/keys/search")
    asker.ask(f"/v1/keys/{'x' * 1000}")
    asker.ask("/livez")
    assert asker.reads.events == [
        {
            "event": "key.read",
            "pid": 321,
            "uid": 1000,
            "gid": 100,
            "executable": "/usr/bin/python3",
            "unit": "billing.service",
            "key": key,
            "tag": tag,
            "outcome": outcome,
        }
        for key, tag, outcome in [
            ("billing", TAG, "served"),
            ("billing", TAG, "not_modified"),
            ("search", None, "no_key"),
            ("x" * 63, None, "unknown_key"),
        ]
    ]
    assert KEY not in repr(asker.reads.events)
