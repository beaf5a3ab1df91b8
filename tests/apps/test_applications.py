"""Real applications, as the pages have them, while their key changes under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.apps.crowd import ANSWER, Crowd
from tests.apps.page import fences, programs
from tests.apps.site import KEYS, Site

if TYPE_CHECKING:
    from pathlib import Path

    from tests.apps.page import Program

# The first test waits for Vault, and for all programs to go through the rotations.
pytestmark = [pytest.mark.apps, pytest.mark.timeout(400)]

THROUGH_THE_GATEWAY = tuple(one.name for one in programs() if one.name.startswith("gateway-"))
HEALING = ("heal", "heal-async", "heal-before-3", "httpx", *THROUGH_THE_GATEWAY)


def test_every_program_of_the_page_is_run() -> None:
    names = [program.name for program in programs()]
    assert len(names) == len(set(names)) == len(fences())
    assert set(HEALING) < set(names)
    assert len(THROUGH_THE_GATEWAY) > 5


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_an_application_never_notices_a_rotation(
    crowd: Crowd, site: Site, program: Program
) -> None:
    if missing := program.missing():
        pytest.skip(missing)
    running, counted = crowd.running[program.name], site.counted()[program.model]
    assert (running.status, running.errors) == (0, "")
    assert all(ANSWER in line for line in running.answers)
    assert counted.requests == len(running.answers)
    assert counted.keys >= KEYS
    print(f"\n{program.name}: {counted.requests} requests, {counted.keys} keys")


def test_no_request_was_refused(crowd: Crowd, site: Site) -> None:
    """Counted where it is known: at OpenAI, over all keys and programs."""
    assert crowd.running
    assert site.refused() == 0


def test_a_key_that_is_revoked_under_them_is_healed(
    crowd: Crowd, site: Site, tmp_path: Path
) -> None:
    """By the report alone: the next look at the lease, and the next probe, are far away."""
    site.engine.set_ttl("10m")
    eventually(lambda: (site.agent.key() or {"expires_in": 0})["expires_in"] > 100, "a long lease")
    eventually(lambda: site.engine.counts()["live"] == 1, "the end of the last overlap")
    before, refused = site.counted(), site.refused()
    healing = [one for one in programs() if one.name in HEALING and not one.missing()]
    with Crowd(healing, site, tmp_path) as healed:
        healed.round()
        assert site.refused() == refused
        site.engine.delete_account()
        healed.round()
        assert site.refused() > refused
        healed.round()
    for name, running in healed.running.items():
        assert (name, running.status, running.errors) == (name, 0, "")
        assert len(running.answers) == 3 * running.program.lines
        assert all(ANSWER in line for line in running.answers)
        model = running.program.model
        answered = site.counted()[model].requests - before[model].requests
        assert answered == len(running.answers)
    reports = [
        event for event in site.agent.logged("key.rejected") if event["outcome"] == "accepted"
    ]
    print(f"\n{site.refused() - refused} requests refused and healed, {len(reports)} reports")


def test_the_gateway_has_told_its_clients_of_no_refusal(crowd: Crowd, site: Site) -> None:
    told = site.agent.get("/metrics")[2].decode().splitlines()
    (counted,) = (line for line in told if line.startswith("freshkey_gateway_requests_total{"))
    assert 'status="200"' in counted


def test_a_report_brings_the_next_key(crowd: Crowd, site: Site, tmp_path: Path) -> None:
    """After the test before, whose key is fresh and lives long."""
    (reporting,) = (program for program in programs() if program.name == "report")
    with Crowd([reporting], site, tmp_path) as reported:
        reported.round()
        tag = (site.agent.key() or {})["tag"]
        site.engine.delete_account()
        reported.round()
        site.agent.wait_for_key(other_than=tag)
        reported.round()
    (running,) = reported.running.values()
    told = [line.strip() for line in running.answers]
    assert told == [ANSWER, "The key was refused; ask again soon.", ANSWER]
