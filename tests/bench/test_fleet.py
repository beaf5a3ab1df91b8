"""Small fleets do what they have to, and the page shows what is saved of the large ones."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from bench.fleet.clock import Clock
from bench.fleet.figures import (
    EVERYWHERE,
    FRESHKEY,
    HOUR,
    LIMIT,
    NODES_OF_50,
    SETUPS,
    TTLS,
    VAULT_AGENT,
    load,
    name_of,
    rounded,
)
from bench.fleet.freshkey_agent import AT_LIMIT
from bench.fleet.life import (
    DEPLOYMENT,
    JOURNAL,
    LONG_OUTAGE,
    NO_JOURNAL,
    SHORT_OUTAGE,
    STEADY,
    Setup,
    live,
)
from bench.fleet.organization import Organization
from bench.fleet.page import PAGE, tables
from bench.fleet.picture import PICTURE, picture
from bench.fleet.readers import Readers
from bench.fleet.vault import Vault

if TYPE_CHECKING:
    from bench.fleet.life import Figures, Fleet

MINUTE = 60.0
CHANCE = Random(1)  # noqa: S311 - a simulation has to be repeatable


def small(fleet: Fleet, agents: int, ttl: int, limit: int | None) -> dict[str, Figures]:
    return live(Setup(replace(fleet, agents=agents), ttl, limit)).figures


def test_the_page_and_the_picture_show_what_is_kept() -> None:
    saved, page = load(), PAGE.read_text()
    for name, text in tables(saved).items():
        assert f"<!-- {name}: begin -->\n\n{text}\n<!-- {name}: end -->" in page, (
            "make fleet WRITE=1"
        )
    assert picture(saved) == PICTURE.read_text()
    assert saved.figures.keys() == {name_of(setup) for setup in SETUPS}


@pytest.mark.parametrize("ttl", [HOUR // 4, 12 * HOUR])
def test_what_is_kept_is_what_the_agent_does_today(ttl: int) -> None:
    """The shorter lease does not outlast the outage, so that one shows more of the agent."""
    setup = Setup(NODES_OF_50, ttl, LIMIT)
    assert rounded({setup: live(setup)}).of(setup) == load().of(setup)


@pytest.mark.parametrize(
    ("name", "limit"), [("fleet-peaks-at-limit", LIMIT), ("fleet-peaks", None)]
)
def test_the_peak_of_every_fleet_is_shown_beside_its_mean(name: str, limit: int | None) -> None:
    saved = load()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in tables(saved)[name].splitlines()[2:]
    ]
    setups = [Setup(fleet, ttl, limit) for ttl in TTLS for fleet in EVERYWHERE]
    for (_, fleet, mean, most, *ratios), setup in zip(rows, setups, strict=True):
        parts = saved.of(setup)
        assert fleet == setup.fleet.name
        assert float(mean) == pytest.approx(parts[STEADY].mints, abs=0.005)
        assert int(most) == parts[STEADY].peak_mints
        for ratio, part in zip(ratios, (STEADY, JOURNAL, SHORT_OUTAGE), strict=True):
            peak = parts[part].peak_mints
            assert float(ratio) * parts[part].mints == pytest.approx(peak, rel=0.05)


def test_a_mean_is_kept_so_exactly_that_its_mints_can_be_counted() -> None:
    """A node agent mints so seldom that two digits would change its peak to mean by a fifth."""
    saved = load()
    for setup in (Setup(fleet, ttl, LIMIT) for fleet in EVERYWHERE for ttl in TTLS):
        mints = saved.of(setup)[STEADY].mints * 3 * setup.ttl / MINUTE
        assert mints == pytest.approx(round(mints), abs=0.25)


def test_the_picture_shows_a_node_agent_in_both_charts_and_the_legend() -> None:
    assert picture(load()).count('<polyline class="na"') == 3


def test_agents_that_start_together_use_all_of_the_limit() -> None:
    """Ten minutes for ninety keys, after the ten that a full bucket gives at once."""
    found = small(FRESHKEY, 100, 12 * HOUR, LIMIT)
    for part in (DEPLOYMENT, NO_JOURNAL):
        after = found[part].all_after
        assert after is not None
        assert 9 * MINUTE < after < 20 * MINUTE


def test_a_restart_with_a_journal_mints_nothing_more() -> None:
    found = small(FRESHKEY, 40, HOUR, None)
    assert found[JOURNAL].without == found[STEADY].without == 0
    assert found[JOURNAL].mints == pytest.approx(found[STEADY].mints, rel=0.5)
    assert small(VAULT_AGENT, 40, HOUR, None)[JOURNAL].peak_mints == 40


def test_an_outage_ends_keys_only_if_it_outlasts_what_is_left_of_them() -> None:
    assert small(FRESHKEY, 20, HOUR, None)[SHORT_OUTAGE].without == 0
    found = small(FRESHKEY, 20, HOUR // 4, None)
    assert found[SHORT_OUTAGE].without > 0
    assert found[LONG_OUTAGE].without > 0
    after = found[LONG_OUTAGE].all_after
    assert after is not None
    assert after < 10


def test_more_keys_than_the_limit_allows_leave_some_without() -> None:
    found = small(FRESHKEY, 60, HOUR // 4, 2)
    assert found[STEADY].without > 0.2
    assert found[STEADY].all_after is None
    assert found[STEADY].mints == pytest.approx(2, abs=0.2)


def test_one_seed_gives_one_life() -> None:
    setup = Setup(replace(FRESHKEY, agents=10), HOUR, LIMIT)
    assert live(setup) == live(setup)
    assert live(setup) != live(replace(setup, seed=2))


def test_the_limit_reaches_the_agent_in_vaults_words() -> None:
    assert AT_LIMIT.kind == "upstream"
    assert AT_LIMIT.upstream_status == 429


class Refusing(Organization):
    """Deletes nothing."""

    def delete(self, account: str) -> bool:
        assert account in self.accounts
        return False


def test_vault_gives_a_deletion_up_that_openai_refuses_six_times() -> None:
    """After about ten minutes, as a real Vault was seen to do; the key lives on."""
    clock = Clock()
    openai = Refusing(clock, None)
    vault = Vault(clock, openai, CHANCE, 3600.0)
    lease = vault.mint("hvs.1")
    assert lease is not None
    vault.end_token("hvs.1")
    clock.run(300)
    assert (vault.irrevocable, vault.remaining(lease.id)) == (0, 0)
    clock.run(1000)
    assert (vault.irrevocable, openai.accounts) == (1, {lease.account})


def test_what_ends_while_vault_is_away_ends_when_it_is_back() -> None:
    clock = Clock()
    openai = Organization(clock, 1)
    vault = Vault(clock, openai, CHANCE, 10.0)
    readers = Readers(clock, 1, openai.accounts)
    openai.deleted = readers.on_deleted
    lease = vault.mint("hvs.1")
    assert lease is not None
    assert vault.mint("hvs.1") is None, "the limit is one call a minute"
    readers.show(0, lease.account)
    vault.away = True
    clock.run(60)
    assert readers.without == 0
    vault.come_back()
    assert readers.without == 1
    readers.show(0, lease.account)
    assert readers.without == 1, "OpenAI takes that key no more"
