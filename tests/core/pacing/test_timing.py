"""When leases and tokens are renewed or replaced, as pure functions of their terms."""

from __future__ import annotations

from math import inf

import pytest
from freshkey.core.model.grants import Login, Renewal, TokenKind
from freshkey.core.model.policy import AgentPolicy, KeyPolicy, Subject
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import NO_TOKEN, Lease, Reason
from freshkey.core.model.token import Token, Tokens
from freshkey.core.pacing.timing import (
    LeaseAction,
    NextAction,
    bounded_by_token,
    good_until,
    is_outdated,
    next_for,
    renewal_time,
    token_lead,
    token_point,
)
from hypothesis import given, settings
from hypothesis import strategies as st

SHARES = st.floats(0, 1)


def lease(term: float = 3600, *, start: float = 0, token: int = 1, draw: float = 0) -> Lease:
    return Lease(
        *("id", token, term),
        renewable=False,
        started_at=start,
        expires_at=start + term,
        draw=draw,
    )


def token(
    term: float = 3600,
    *,
    number: int = 1,
    start: float = 0,
    renewable: bool = True,
    draw: float = 0,
) -> Token:
    return Token(
        *(number, Secret("hvs.1"), "accessor", TokenKind.SERVICE, renewable, term, start),
        expires_at=start + term,
        owned=True,
        draw=draw,
    )


policies = st.builds(
    KeyPolicy,
    renew_at=st.floats(0.1, 0.95),
    jitter=st.floats(0, 0.1),
    overlap=st.floats(0, 7200),
    activation_timeout=st.floats(0, 120),
)


@settings(derandomize=True, database=None)
@given(term=st.floats(2, 100_000), draw=SHARES, chosen=policies)
def test_the_point(term: float, draw: float, chosen: KeyPolicy) -> None:
    at = renewal_time(lease(term, draw=draw), chosen)
    latest = term - chosen.overlap - chosen.activation_timeout - 5
    assert at >= term / 2, "never before half the lifetime"
    assert at <= max(latest, term / 2), "time is left for the test and the overlap"
    window = [term * (chosen.renew_at - chosen.jitter), term * chosen.renew_at]
    if window[0] >= term / 2 and window[1] <= latest:
        assert window[0] - 1e-6 <= at <= window[1] + 1e-6


@pytest.mark.parametrize(
    ("term", "draw", "expected"),
    [
        pytest.param(36_000, 0.0, 24_120, id="the end of the window"),
        pytest.param(36_000, 1.0, 18_000, id="its start, not before half the lifetime"),
        pytest.param(900, 0.0, 565, id="time for overlap, test, and 5 s"),
        pytest.param(60, 0.0, 30, id="a short lease shortens the overlap instead"),
        pytest.param(0, 0.0, 1, id="a lease of no length is kept a second"),
    ],
)
def test_the_point_in_numbers(term: float, draw: float, expected: float) -> None:
    assert renewal_time(lease(term, draw=draw), KeyPolicy()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("held", "lead", "expected"),
    [
        (token(3600), 300, 2412),
        (token(3600, draw=1), 300, 1800),
        (token(1200), 535, 665),
        (token(15), 335, 7.5),
        (token(inf), 335, inf),
    ],
)
def test_the_point_of_a_token(held: Token, lead: float, expected: float) -> None:
    assert token_point(held, lead) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("keys", "budget", "expected"),
    [(1, 6, 335 + 10), (20, 6, 335 + 200), (20, 0, 335), (0, 6, 5)],
)
def test_the_lead(keys: int, budget: int, expected: float) -> None:
    names = [f"k{number}" for number in range(keys)]
    chosen = AgentPolicy(dict.fromkeys(names, KeyPolicy()), budget)
    assert token_lead(chosen) == pytest.approx(expected)


def test_the_lead_counts_no_access_tokens() -> None:
    """They have no token of Vault behind them, and stay when that changes."""
    exchanged = KeyPolicy(subject=Subject.VAULT, overlap=3000)
    chosen = AgentPolicy({"minted": KeyPolicy(), "exchanged": exchanged}, 6)
    assert token_lead(chosen) == pytest.approx(335 + 10)
    assert token_lead(AgentPolicy({"exchanged": exchanged}, 6)) == pytest.approx(5)


def test_an_access_token_is_replaced_whatever_becomes_of_vaults() -> None:
    held = lease(token=NO_TOKEN)
    for tokens in (Tokens(), Tokens(current=token(60)), Tokens(current=token(60), clipped=True)):
        assert good_until(held, tokens) == 3600
        assert next_for(held, KeyPolicy(), tokens, 500) == NextAction(2412, LeaseAction.REPLACE)


@pytest.mark.parametrize(
    ("held", "under", "clipped", "expected"),
    [
        pytest.param(lease(3600), token(86_400), False, False, id="a long token"),
        pytest.param(lease(3600), token(3600), False, True, id="not renewed yet"),
        pytest.param(lease(3600), token(3600, start=1800), False, False, id="renewed since"),
        pytest.param(lease(3600), token(1700, start=1800), True, True, id="its last renewal"),
        pytest.param(lease(3600), token(60, start=3400), False, False, id="short, renewed"),
        pytest.param(
            lease(3600), token(60, start=3400, renewable=False), False, True, id="short, the last"
        ),
        pytest.param(lease(20), token(22, renewable=False), False, True, id="2 s are nothing"),
        pytest.param(lease(20), token(23, renewable=False), False, False, id="3 s are something"),
    ],
)
def test_bounded_by_the_token(held: Lease, under: Token, clipped: bool, expected: bool) -> None:
    assert bounded_by_token(held, under, clipped=clipped) is expected


def test_a_lease_ends_with_the_first_of_its_ends() -> None:
    tokens = Tokens(current=token(7200), retired=(token(1800, number=2),))
    assert good_until(lease(), tokens) == 3600
    assert good_until(lease(token=2), tokens) == 1800
    assert good_until(lease(token=3), tokens) == -inf


def test_what_comes_next() -> None:
    tokens = Tokens(current=token(7200), retired=(token(3000, number=2),))
    due = NextAction(2412, LeaseAction.REPLACE)
    assert next_for(lease(), KeyPolicy(), tokens, 500) == due
    assert next_for(lease(token=2), KeyPolicy(), tokens, 500) == due
    moving = NextAction(2100, LeaseAction.REPLACE, Reason.TOKEN)
    assert next_for(lease(token=2), KeyPolicy(), tokens, 900) == moving
    unknown = NextAction(-inf, LeaseAction.REPLACE, Reason.TOKEN)
    assert next_for(lease(token=3), KeyPolicy(), tokens, 500) == unknown


@pytest.mark.parametrize(
    ("asked", "left", "known", "outdated"),
    [
        pytest.param(900, 100, 1001, True, id="what was granted is over"),
        pytest.param(900, 101, 1002, False, id="it is not yet"),
        pytest.param(900, 100, 1000, False, id="as was known"),
        pytest.param(969, 1, 1001, True, id="the machine slept"),
        pytest.param(970, 1, 1001, False, id="it was just slow"),
    ],
)
def test_an_answer_may_be_outdated_when_it_comes(
    asked: float,
    left: float,
    known: float,
    outdated: bool,
) -> None:
    answer = Renewal(left, renewable=True, asked_at=asked)
    assert is_outdated(answer, known, now=1000) is outdated


def test_a_token_without_an_end_is_never_outdated() -> None:
    login = Login(
        *(Secret("hvs.1"), "accessor", TokenKind.SERVICE, None),
        renewable=False,
        owned=True,
        asked_at=900,
    )
    assert not is_outdated(login, known=1001, now=1000)
