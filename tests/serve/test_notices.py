"""What clients tell the agent: checked, recorded once, and passed on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from freshkey.core.model.secret import Secret
from freshkey.core.model.view import KeyStatus, KeyView, Publication
from freshkey.serve.access import Access
from freshkey.serve.audit import RequestAudit
from freshkey.serve.notices import Notices
from freshkey.serve.published_keys import PublishedKeys
from freshkey.sockets.peers import Peer, overflow_uid
from freshkey.sockets.rules import Rule

from tests.serve.fakes import FakeControl, Reads
from tests.serve.publication import FRESH, TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from freshkey.serve.responses import Response

ROOT, AGENT, OTHER = Peer(1, 0, 0), Peer(2, 500, 500), Peer(3, 1000, 100, "/bin/x", "x.service")
NO_RULES: Final[Mapping[str, Sequence[Rule]]] = {}
MADE_UP = Peer(4, overflow_uid(), 100)


class Clock:
    def expires_in(self, expires_at: float) -> int:
        return int(expires_at)

    def not_after(self, expires_at: float) -> str:
        return f"at {expires_at:g}"


class Counter:
    def __init__(
        self, own_uid: int = AGENT.uid, rules: Mapping[str, Sequence[Rule]] = NO_RULES
    ) -> None:
        self.control, self.reads = FakeControl(), Reads()
        published_keys = PublishedKeys(["billing", "search"])
        published_keys.show(FRESH)
        audit = RequestAudit(self.reads)
        self.notices = Notices(published_keys, Access(rules, own_uid), self.control, audit)

    def with_clock(self, shown: KeyView) -> Notices:
        """Return notices that tell until when a key lives."""
        keys, audit = PublishedKeys(["billing"]), RequestAudit(self.reads)
        keys.show(shown)
        access = Access(NO_RULES, AGENT.uid)
        return Notices(keys, access, self.control, audit, clock=Clock())

    def reject(self, body: bytes, name: str = "billing") -> Response:
        return self.notices.rejected(OTHER, name, body)

    def rotate(self, body: bytes = b"", name: str = "billing", peer: Peer = ROOT) -> Response:
        return self.notices.rotate(peer, name, body)

    @property
    def recorded(self) -> list[object]:
        return [(event["event"], event["tag"], event["outcome"]) for event in self.reads.events]


def content(response: Response) -> Any:  # noqa: ANN401 - it is whatever was answered
    return json.loads(response.body)


def told(tag: str) -> bytes:
    return json.dumps({"tag": tag}).encode()


def test_a_rotation_tells_until_when_an_access_token_lives() -> None:
    """Nobody can revoke it; of every other key there is nothing to tell."""
    counter = Counter()
    token = Publication(2, Secret("oaiat-1"), 99.0, account="svc_acct_1")
    for shown, told in (
        (KeyView("billing", KeyStatus.FRESH, token), {"lives_until", "service_account", "tag"}),
        (FRESH, {"tag"}),
        (KeyView("billing", KeyStatus.WITHDRAWN), {"tag"}),
    ):
        response = counter.with_clock(shown).rotate(ROOT, "billing", b'{"compromised": true}')
        assert response.status == 202
        assert content(response).keys() == told
    (first, *_) = counter.control.asked
    assert first[0] == "rotate"


def test_a_refused_key_is_passed_on_and_recorded() -> None:
    counter = Counter()
    response = counter.reject(told(TAG))
    assert (response.status, response.body) == (202, b"{}")
    assert counter.control.asked == [("report", "billing", TAG)]
    assert counter.reads.events == [
        {
            "event": "key.rejected",
            "pid": 3,
            "uid": 1000,
            "gid": 100,
            "executable": "/bin/x",
            "unit": "x.service",
            "key": "billing",
            "tag": TAG,
            "outcome": "accepted",
        }
    ]


def test_every_report_is_recorded() -> None:
    counter = Counter()
    for _ in range(3):
        assert counter.reject(told(TAG)).status == 202
    assert counter.recorded == [("key.rejected", TAG, "accepted")] * 3


def test_another_tag_is_answered_with_the_current_one() -> None:
    counter = Counter()
    response = counter.reject(told("6-00000000"))
    assert response.status == 409
    assert (content(response)["code"], content(response)["tag"]) == ("old_tag", TAG)
    assert counter.control.asked == []
    assert counter.recorded == [("key.rejected", "6-00000000", "old_tag")]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b'{"tag": 7}', told(""), told("x" * 65), told("7-ä"), told("\ud800")]
)
def test_a_report_without_a_tag_is_a_bad_request(body: bytes) -> None:
    counter = Counter()
    response = counter.reject(body)
    assert (response.status, content(response)["code"]) == (400, "bad_request")
    assert counter.recorded == [("key.rejected", None, "bad_request")]


def test_a_report_about_a_key_that_is_not_published_or_not_there() -> None:
    counter = Counter()
    assert content(counter.reject(told(TAG), "search"))["code"] == "no_key"
    assert content(counter.reject(b"", "other"))["code"] == "unknown_key"
    assert counter.control.asked == []
    assert counter.recorded == [
        ("key.rejected", TAG, "no_key"),
        ("key.rejected", None, "unknown_key"),
    ]


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b"", (False, False)),
        (b'{"compromised": false, "now": false}', (False, False)),
        (b'{"compromised": true}', (True, False)),
        (b'{"compromised": true, "now": true}', (True, True)),
    ],
)
@pytest.mark.parametrize("peer", [ROOT, AGENT])
def test_root_and_the_agents_user_may_rotate(
    peer: Peer, body: bytes, asked: tuple[bool, bool]
) -> None:
    counter = Counter()
    response = counter.rotate(body, peer=peer)
    assert (response.status, content(response)) == (202, {"tag": TAG})
    assert counter.control.asked == [("rotate", "billing", *asked)]
    assert counter.recorded == [("key.rotate_asked", TAG, "accepted")]


def test_a_key_that_is_not_published_has_no_tag_to_wait_away_from() -> None:
    counter = Counter()
    assert content(counter.rotate(name="search")) == {"tag": None}
    assert counter.control.asked == [("rotate", "search", False, False)]


@pytest.mark.parametrize("name", ["billing", "other"])
def test_nobody_else_may(name: str) -> None:
    counter = Counter()
    response = counter.rotate(b"{", name, OTHER)
    assert (response.status, content(response)["code"]) == (403, "peer_not_allowed")
    assert counter.control.asked == []
    assert [event["outcome"] for event in counter.reads.events] == ["peer_not_allowed"]


def test_users_of_other_namespaces_are_not_the_agent_even_if_it_runs_as_nobody() -> None:
    counter = Counter(own_uid=overflow_uid())
    assert counter.rotate(peer=MADE_UP).status == 403
    assert counter.rotate(peer=ROOT).status == 202


@pytest.mark.parametrize(
    "body", [b"{", b'{"compromised": "yes"}', b'{"now": true}', b'{"compromized": true}']
)
def test_a_wish_that_is_not_understood_rotates_nothing(body: bytes) -> None:
    counter = Counter()
    response = counter.rotate(body)
    assert (response.status, content(response)["code"]) == (400, "bad_request")
    assert counter.control.asked == []
    assert counter.recorded == [("key.rotate_asked", TAG, "bad_request")]


def test_a_rotation_of_an_unknown_key() -> None:
    counter = Counter()
    assert content(counter.rotate(name="other"))["code"] == "unknown_key"
    assert counter.recorded == [("key.rotate_asked", None, "unknown_key")]


def test_a_withdrawn_key_can_be_rotated_and_not_reported() -> None:
    counter = Counter()
    published_keys = PublishedKeys(["billing"])
    published_keys.show(KeyView("billing", KeyStatus.WITHDRAWN))
    access, audit = Access(NO_RULES, own_uid=0), RequestAudit(counter.reads)
    notices = Notices(published_keys, access, counter.control, audit)
    assert notices.rejected(OTHER, "billing", told(TAG)).status == 503
    assert notices.rotate(ROOT, "billing", b"").status == 202


def test_who_may_not_read_a_key_can_not_report_it() -> None:
    counter = Counter(rules={"billing": [Rule(uid=OTHER.uid + 1)]})
    response = counter.reject(told(TAG))
    assert (response.status, content(response)["code"]) == (403, "peer_not_allowed")
    assert counter.control.asked == []
    assert counter.recorded == [("key.rejected", None, "peer_not_allowed")]
