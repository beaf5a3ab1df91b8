"""What comes next for a lease, or a token, that began at some instant: in numbers."""

from __future__ import annotations

from math import inf

import pytest
from freshkey.core.model.policy import KeyPolicy
from freshkey.core.model.state import NO_TOKEN, Lease, Reason
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Tokens
from freshkey.core.pacing.timing import (
    LeaseAction,
    NextAction,
    bounded_by_token,
    check_time,
    find,
    good_until,
    next_for,
    renewal_time,
    token_lead,
    token_point,
)

from tests.core.pacing.test_timing import lease, token
from tests.core.scripts import policy

START = 50.0
LONG = Tokens(token(86_400, start=-100))


@pytest.mark.parametrize(
    ("refresh", "draw", "expected"),
    [
        pytest.param(300, 0.0, 300, id="the latest"),
        pytest.param(300, 1.0, 270, id="the earliest: many agents must not read at once"),
        pytest.param(0.5, 0.0, 1, id="a second apart, whatever is configured"),
    ],
)
def test_when_a_secret_without_a_lease_is_read_again(
    refresh: float, draw: float, expected: float
) -> None:
    held = lease(inf, start=START, token=NO_TOKEN, draw=draw)
    chosen = KeyPolicy(refresh=refresh)
    assert renewal_time(held, chosen) == pytest.approx(START + expected)
    due = NextAction(renewal_time(held, chosen), LeaseAction.REFRESH)
    assert next_for(held, chosen, Tokens(), 500) == due


def test_the_point_counts_from_the_start_of_the_lease() -> None:
    assert renewal_time(lease(start=START), KeyPolicy()) == pytest.approx(START + 2412)
    assert renewal_time(lease(900, start=START), KeyPolicy()) == pytest.approx(START + 565)
    assert renewal_time(lease(60, start=START), KeyPolicy()) == pytest.approx(START + 30)
    assert renewal_time(lease(1, start=START), KeyPolicy()) == pytest.approx(START + 1)


def test_the_point_of_a_token_counts_from_its_start() -> None:
    assert token_point(token(start=START), 300) == pytest.approx(START + 2412)
    assert token_point(token(start=START, draw=1), 300) == pytest.approx(START + 1800)
    assert token_point(token(1200, start=START), 535) == pytest.approx(START + 665)
    assert token_point(token(start=START, draw=0.5), 300) == pytest.approx(START + 2052)


@pytest.mark.parametrize(
    ("every", "draw", "expected"), [(60, 0.0, 1048), (60, 0.5, 1060), (60, 1.0, 1072), (0, 0, inf)]
)
def test_the_next_lookup(every: float, draw: float, expected: float) -> None:
    assert check_time(1000.0, every, draw) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("term", "longer", "expected"),
    [(3600, 360, True), (3600, 361, False), (5, 2, True), (5, 2.1, False)],
)
def test_a_tenth_of_a_lease_is_no_gain_nor_are_two_seconds(
    term: float,
    longer: float,
    expected: bool,
) -> None:
    under = token(term + longer, renewable=False)
    assert bounded_by_token(lease(term), under, clipped=False) is expected


def test_a_key_that_is_bounded_waits_for_another_token() -> None:
    expected = NextAction(inf, LeaseAction.REPLACE, Reason.TOKEN)
    assert next_for(lease(), KeyPolicy(), Tokens(token(3600)), 500) == expected


def test_a_renewable_lease_is_renewed_at_its_point() -> None:
    held = replace(lease(start=START), renewable=True)
    expected = NextAction(START + 2412, LeaseAction.RENEW)
    assert next_for(held, KeyPolicy(), LONG, 500) == expected


@pytest.mark.parametrize(
    ("held", "tokens", "reason"),
    [
        pytest.param(replace(lease(), gone_at=9.0), LONG, Reason.REVOKED, id="it is gone"),
        pytest.param(
            lease(), Tokens(replace(token(), lost_at=9.0)), Reason.TOKEN, id="its token is lost"
        ),
        pytest.param(
            lease(token=2),
            Tokens(token(), (replace(token(number=2), owned=False),)),
            Reason.TOKEN,
            id="its token is somebody else's, who has replaced it",
        ),
    ],
)
def test_what_is_replaced_at_once(held: Lease, tokens: Tokens, reason: Reason) -> None:
    expected = NextAction(-inf, LeaseAction.REPLACE, reason)
    assert next_for(held, KeyPolicy(), tokens, 500) == expected


def test_a_key_that_is_due_as_it_has_to_move_is_due() -> None:
    tokens = Tokens(token(7200), (token(3000, number=2),))
    expected = NextAction(2412, LeaseAction.REPLACE, Reason.DUE)
    assert next_for(lease(token=2), KeyPolicy(), tokens, 3000 - 2412) == expected


def test_what_has_ended_before_its_term() -> None:
    assert good_until(replace(lease(), gone_at=9.0), LONG) == 9
    assert good_until(lease(), Tokens(replace(token(), lost_at=8.0))) == 8


@pytest.mark.parametrize(("number", "expected"), [(1, 1), (2, 2), (3, 3), (4, None)])
def test_a_token_is_found_by_its_number(number: int, expected: int | None) -> None:
    tokens = Tokens(token(number=1), (token(number=2), token(number=3)))
    found = find(tokens, number)
    assert (found.number if found else None) == expected
    assert find(Tokens(), number) is None


def test_the_lead_is_for_the_slowest_key() -> None:
    chosen = policy("a", "b", "c", budget=6, overlap=300)
    chosen = replace(chosen, keys={**chosen.keys, "d": KeyPolicy(overlap=10, activation_timeout=9)})
    assert token_lead(chosen) == pytest.approx(300 + 30 + 4 * 10 + 5)


def test_how_long_a_token_may_still_live() -> None:
    """The answer to a last renewal may have been lost."""
    assert token(60, start=START).last_end == START + 120
    assert token(60, start=START, renewable=False).last_end == START + 60
    assert token(60).good_until == 60
    assert replace(token(60), lost_at=9.0).good_until == 9
