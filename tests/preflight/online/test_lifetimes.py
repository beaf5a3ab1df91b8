from pathlib import Path

import pytest
from freshkey.core.model.grants import Login, TokenKind
from freshkey.core.model.secret import Secret
from freshkey.preflight.online.lifetimes import lifetime_results, token_terms
from freshkey.preflight.online.report import Outcome
from freshkey.settings import load

from tests.settings.files import NO_VARIABLES, VAULT, config, written

HOUR = 3600.0


def warned(
    directory: Path, leases: dict[str, float | None], token: float | None, **parts: str
) -> dict[str, str]:
    settings = load(written(directory, config(**parts)), NO_VARIABLES)
    results = list(lifetime_results(settings, leases, token))
    assert Outcome.FAILURE not in {result.outcome for result in results}
    assert {result.place for result in results} >= {
        *(f"keys.{name}.ttl" for name in leases),
        "vault.max_mints_per_minute",
    }
    return {r.place: r.message for r in results if r.outcome is Outcome.WARNING}


@pytest.mark.parametrize("token", [None, HOUR, 30 * HOUR])
def test_what_fits(tmp_path: Path, token: float | None) -> None:
    assert warned(tmp_path, {"billing": HOUR}, token) == {}
    assert warned(tmp_path, {"billing": None}, token) == {}
    assert warned(tmp_path, {}, token) == {}


def test_a_token_that_ends_before_its_leases(tmp_path: Path) -> None:
    found = warned(tmp_path, {"billing": HOUR}, HOUR - 1)
    assert found.keys() == {"keys.billing.ttl"}
    assert "the token's 59m59s are less than the lease's 1h" in found["keys.billing.ttl"]


@pytest.mark.parametrize(("overlap", "fits"), [("265s", True), ("266s", False)])
def test_a_lease_too_short_for_its_overlap(tmp_path: Path, overlap: str, *, fits: bool) -> None:
    """Half of 10 min are 300 s, of which 30 go to the test of the next key, and 5 to the mint."""
    found = warned(tmp_path, {"billing": 600.0}, HOUR, key=f'overlap = "{overlap}"')
    assert found.keys() == (set() if fits else {"keys.billing.overlap"})


@pytest.mark.parametrize(
    ("budget", "token", "fits"),
    [(6, 730.0, True), (6, 728.0, False), (1, 730.0, False), (0, 730.0, True), (1, None, True)],
)
def test_a_budget_that_has_to_move_three_keys(
    tmp_path: Path, budget: int, token: float | None, *, fits: bool
) -> None:
    """Six a minute: 30 s, and 335 s for overlap, test, and mint; in the second half of a token."""
    more = "".join(f'[keys.{name}]\npath = "openai/creds/{name}"\n' for name in "ab")
    vault = f"{VAULT}\nmax_mints_per_minute = {budget}"
    leases = dict.fromkeys(["billing", "a", "b"])
    found = warned(tmp_path, leases, token, vault=vault, more=more)
    assert found.keys() == (set() if fits else {"vault.max_mints_per_minute"})


@pytest.mark.parametrize(
    ("duration", "kind", "renewable", "description"),
    [
        (None, TokenKind.SERVICE, False, "a token without an end"),
        (5400.0, TokenKind.SERVICE, True, "a token for 1h30m, renewable"),
        (60.0, TokenKind.SERVICE, False, "a token for 1m, not renewable"),
        (60.0, TokenKind.BATCH, False, "a token for 1m, a batch token, neither renewable nor"),
    ],
)
def test_what_a_token_is(
    duration: float | None, kind: TokenKind, description: str, *, renewable: bool
) -> None:
    login = Login(Secret("token"), "accessor", kind, duration, renewable, owned=True, asked_at=0.0)
    assert token_terms(login).startswith(description)


def test_leases_that_are_not_known(tmp_path: Path) -> None:
    settings = load(written(tmp_path, config()), NO_VARIABLES)
    messages = {r.place: r.message for r in lifetime_results(settings, {"billing": None}, HOUR)}
    assert "leases longer than 1h would end with the token" in messages["keys.billing.ttl"]
    messages = {r.place: r.message for r in lifetime_results(settings, {"billing": None}, None)}
    assert "token" not in messages["keys.billing.ttl"]


def test_keys_without_leases_are_not_moved(tmp_path: Path) -> None:
    more = "".join(f'[keys.k{number}]\npath = "kv/data/{number}"\n' for number in range(40))
    settings = load(written(tmp_path, config(more=more)), NO_VARIABLES)
    results = {r.place: r for r in lifetime_results(settings, {"billing": HOUR}, HOUR)}
    found = results["vault.max_mints_per_minute"]
    assert (found.outcome, found.message[:6]) == (Outcome.FINE, "1 key,")
    (none,) = lifetime_results(settings, {}, 60.0)
    assert none.outcome is Outcome.FINE
