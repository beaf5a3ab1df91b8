"""The report, from events that are written down here."""

from __future__ import annotations

import json
from math import inf
from typing import Any

from freshkey.reporting.events import Event, moment, read
from freshkey.reporting.lives import Report, orphans, report

DAY = "2026-01-29T"


def line(at: str, event: str, **fields: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return json.dumps({"timestamp": f"{DAY}{at}Z", "level": "info", "event": event, **fields})


def mint(at: str, number: int, ends: str, name: str = "billing") -> str:
    return line(
        at,
        "key.minted",
        key=name,
        tag=f"{number}-aaaa000{number}",
        lease_id=f"openai/creds/{name}/{number}",
        api_key_id=f"key_{number}",
        service_account=f"vault-{name}-{number}",
        not_after=f"{DAY}{ends}Z",
    )


def of_lease(at: str, event: str, number: int, **fields: Any) -> str:  # noqa: ANN401 - as above
    lease = f"openai/creds/billing/{number}"
    tag = f"{number}-aaaa000{number}"
    return line(at, event, key="billing", tag=tag, lease_id=lease, **fields)


def reading(at: str, number: int, outcome: str = "served", **who: Any) -> str:  # noqa: ANN401 - as above
    tag = f"{number}-aaaa000{number}"
    return line(at, "key.read", key="billing", tag=tag, outcome=outcome, **who)


def made(*lines: str, since: float = -inf, until: float | None = None) -> Report:
    end = moment(f"{DAY}23:00:00Z") if until is None else until
    return report(read([("audit", lines)]).events, since, end)


ROTATION = (
    mint("10:00:00", 1, "11:00:00"),
    of_lease("10:00:01", "key.published", 1, generation=1),
    mint("10:40:00", 2, "11:40:00"),
    of_lease("10:40:01", "key.published", 2, generation=2),
    of_lease("10:45:01", "lease.revoked", 1),
)


def test_a_rotation_is_two_lives_the_longest_first() -> None:
    first, second = made(*ROTATION).lives
    assert [first.tag, second.tag] == ["2-aaaa0002", "1-aaaa0001"]
    until = moment(f"{DAY}23:00:00Z")
    assert (second.lifetime(until), second.ending(until)) == (45 * 60 + 1, "revoked")
    assert (first.lifetime(until), first.ending(until)) == (60 * 60, "expired")
    assert (first.api_key_id, first.service_account) == ("key_2", "vault-billing-2")


def test_an_access_token_has_no_lease_and_lives_to_its_end() -> None:
    given = {"key": "billing", "tag": "3-bbbb0001", "lease_id": None, "service_account": "svc_1"}
    (life,) = made(
        line("10:00:00", "key.exchanged", **given, not_after=f"{DAY}11:00:00Z"),
        line("10:00:01", "key.published", **{**given, "tag": "4-bbbb0001"}),
        line("10:00:02", "key.read", key="billing", tag="4-bbbb0001", outcome="served", uid=5),
        line("10:40:00", "lease.left", **given, not_after=f"{DAY}11:00:00Z"),
    ).lives
    until = moment(f"{DAY}23:00:00Z")
    assert (life.tag, life.lease_id, life.service_account) == ("4-bbbb0001", "", "svc_1")
    assert (life.lifetime(until), life.ending(until)) == (3600, "expired")
    assert list(life.readers.values()) == [1]


def test_a_key_lives_until_it_has_ended() -> None:
    until = moment(f"{DAY}11:10:00Z")
    first, _ = made(*ROTATION, until=until).lives
    assert first.ending(until) == "revoked"
    second = made(*ROTATION, until=until).lives[1]
    assert (second.ending(until), second.lifetime(until)) == ("alive", 30 * 60)


def test_a_renewal_moves_the_end() -> None:
    renewed = of_lease("11:30:00", "key.renewed", 2, not_after=f"{DAY}12:30:00Z")
    life = made(*ROTATION, renewed).lives[0]
    assert life.lifetime(inf) == 110 * 60


def test_the_order_of_files_does_not_matter() -> None:
    assert made(*reversed(ROTATION)).lives == made(*ROTATION).lives


def test_a_key_of_before_the_period_is_left_out() -> None:
    found = made(*ROTATION, since=moment(f"{DAY}11:00:00Z"))
    assert [life.tag for life in found.lives] == ["2-aaaa0002"]


def test_counts_are_of_the_period() -> None:
    early = (
        reading("10:10:00", 1, "peer_not_allowed"),
        line("10:20:00", "mint.abandoned", key="billing"),
    )
    late = tuple(entry.replace("T10:", "T11:") for entry in early)
    found = made(*ROTATION, *early, *late, since=moment(f"{DAY}10:30:00Z"))
    assert (found.mints, found.abandoned) == ({"billing": 1}, {"billing": 1})
    assert found.refused_reads == {"billing": 1}


def test_readers_are_named_by_the_best_that_is_known() -> None:
    unit: dict[str, Any] = {"uid": 7, "unit": "app.service", "executable": "/bin/app"}
    life = made(
        *ROTATION,
        reading("10:10:00", 1, **unit),
        reading("10:11:00", 1, "not_modified", **unit),
        reading("10:12:00", 1, uid=8, executable="/bin/x"),
        reading("10:13:00", 1, uid=9),
        reading("10:14:00", 1, "peer_not_allowed", uid=10),
    ).lives[1]
    assert life.readers == {
        "app.service (uid 7)": 2,
        "/bin/x (uid 8)": 1,
        "a process (uid 9)": 1,
    }


def test_what_was_refused_abandoned_and_missing_is_counted() -> None:
    found = made(
        *ROTATION,
        reading("10:14:00", 1, "peer_not_allowed", uid=10),
        line("10:50:00", "mint.abandoned", key="billing"),
        of_lease("11:00:00", "key.withdrawn", 2, why="refused"),
        mint("11:05:00", 3, "12:00:00"),
        of_lease("11:05:30", "key.published", 3),
        of_lease("11:30:00", "key.withdrawn", 3, why="stop"),
        until=moment(f"{DAY}11:40:00Z"),
    )
    assert found.refused_reads == {"billing": 1}
    assert found.abandoned == {"billing": 1}
    assert found.mints == {"billing": 3}
    assert [b - a for a, b in found.gaps["billing"]] == [330.0], "a stop is no gap"


def test_time_without_a_key_goes_on_until_there_is_one_again() -> None:
    stopped = of_lease("11:00:00", "key.withdrawn", 2, why="stop")
    again = (mint("11:05:00", 3, "12:00:00"), of_lease("11:05:30", "key.published", 3))
    found = made(*ROTATION, stopped, *again)
    assert [b - a for a, b in found.gaps["billing"]] == [330.0]
    refused = of_lease("11:00:00", "key.withdrawn", 2, why="refused")
    found = made(*ROTATION, refused, until=moment(f"{DAY}11:40:00Z"))
    assert [b - a for a, b in found.gaps["billing"]] == [2400.0]


def test_a_key_that_is_configured_no_more_is_missed_by_nobody() -> None:
    removed = of_lease("11:00:00", "key.withdrawn", 2, why="removed")
    again = (mint("11:05:00", 3, "12:00:00"), of_lease("11:05:30", "key.published", 3))
    assert made(*ROTATION, removed, *again).gaps == {}
    assert made(*ROTATION, removed, until=moment(f"{DAY}11:40:00Z")).gaps == {}


def test_what_is_no_event_is_counted_and_ends_nothing() -> None:
    odd = ["", "garbage", "[1]", '{"event": "x"}', '{"timestamp": 5, "event": "x"}']
    odd.append('{"timestamp": "2026-01-29T10:00:00", "event": "no.zone"}')
    found = read([("first", [*odd, *ROTATION]), ("second", ["other garbage"])])
    assert (len(found.events), found.others) == (5, {"first": 5, "second": 1})
    assert all(isinstance(event, Event) for event in found.events)


def test_a_file_that_is_given_twice_counts_once() -> None:
    found = read([("audit", ROTATION), ("copy", ROTATION)])
    assert len(found.events) == len(ROTATION)


def test_accounts_that_no_record_knows() -> None:
    accounts = [("user-1", "vault-billing-1"), ("user-2", "vault-billing-9"), ("user-3", "robot")]
    assert orphans(accounts, read([("audit", ROTATION)]).events) == [
        ("user-2", "vault-billing-9"),
        ("user-3", "robot"),
    ]
