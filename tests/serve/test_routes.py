"""What is served beside the keys themselves, and what is refused."""

from __future__ import annotations

import pytest
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus, KeyView

from tests.serve.asker import PEER, SEALED, Asker, content
from tests.serve.publication import FRESH, KEY, PUBLICATION, TAG


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
    assert asker.control.asked == []
    assert asker.reads.events == []


async def test_what_clients_tell_reaches_the_desk() -> None:
    asker = Asker(FRESH)
    assert asker.post("/v1/keys/billing/rejected", {"tag": TAG}).status == 202
    assert asker.post("/v1/keys/billing/rotate", {}, PEER._replace(uid=0)).status == 202
    assert asker.control.asked == [("report", "billing", TAG), ("rotate", "billing", False, False)]


def test_the_status_is_the_agents() -> None:
    response = Asker(FRESH).ask("/v1/status")
    assert response.status == 200
    assert dict(response.headers) == {"Content-Type": "application/json"}
    assert content(response) == {"version": "1.2.3", "pid": 5, "keys": ["billing"]}


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
