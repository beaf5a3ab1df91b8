"""What readers of a key are answered."""

from __future__ import annotations

import pytest
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.serve.responses import Later, Response

from tests.serve.asker import SEALED, Asker, content
from tests.serve.publication import FRESH, KEY, PUBLICATION, TAG


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
            ("x" * 1000, None, "unknown_key"),
        ]
    ]
    assert KEY not in repr(asker.reads.events)
