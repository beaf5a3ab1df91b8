from __future__ import annotations

from dataclasses import replace

from testbed.chaos.figures import Expectation, Figures, gaps, longest_gap
from testbed.chaos.results import chaos_table, summary, unserved
from testbed.chaos.scenarios import SCENARIOS
from testbed.chaos.subjects import SUBJECTS

GOOD = Figures(
    seconds=40.0,
    looks=2000,
    unserved=0,
    longest_gap=0.0,
    minted=4,
    most_alive=2,
    alive_at_end=1,
    vault_calls=35.0,
    openai_calls=12.0,
    exits=0,
)


def test_a_gap_lasts_until_the_next_working_key_or_the_end() -> None:
    looks = [(1.0, True), (2.0, False), (3.0, False), (4.5, True), (5.0, False), (5.5, False)]
    assert [*gaps(looks)] == [2.5, 0.5]
    assert longest_gap(looks) == 2.5


def test_a_single_bad_look_is_a_gap_too() -> None:
    assert longest_gap([(1.0, True), (2.0, False)]) > 0
    assert longest_gap([(1.0, True), (2.0, True)]) == 0
    assert longest_gap([]) == 0


def test_what_is_beyond_its_bound_is_named() -> None:
    expected = Expectation()
    assert [*expected.violations("steady", GOOD)] == []
    for beyond, line in (
        ({"longest_gap": 0.5}, "steady: longest gap: 0.5, where 0 is the bound"),
        ({"most_alive": 3}, "steady: most alive: 3, where 2 is the bound"),
        ({"alive_at_end": 2}, "steady: alive at end: 2, where 1 is the bound"),
        ({"vault_calls": 91.0}, "steady: vault calls: 91, where 90 is the bound"),
        ({"openai_calls": 31.0}, "steady: openai calls: 31, where 30 is the bound"),
        ({"exits": 1}, "steady: it ended by itself 1 times"),
        ({"tracebacks": 2}, "steady: 2 tracebacks in its log"),
        ({"looks": 10}, "steady: 10 looks in 40 s are too few"),
    ):
        assert [*expected.violations("steady", replace(GOOD, **beyond))] == [line]


def test_keys_of_abandoned_mints_come_on_top() -> None:
    lost = replace(GOOD, most_alive=3, alive_at_end=2, abandoned=1)
    allowed = Expectation(abandoned=3)
    assert [*allowed.violations("reset", lost)] == []
    assert len([*allowed.violations("reset", replace(lost, most_alive=4))]) == 1


def test_mints_that_never_reached_vault_have_no_keys() -> None:
    allowed = Expectation(abandoned=1, abandoned_are_keys=False)
    assert [*allowed.violations("cut", replace(GOOD, abandoned=1))] == []
    assert [*allowed.violations("cut", replace(GOOD, abandoned=1, most_alive=3))] == [
        "cut: most alive: 3, where 2 is the bound"
    ]
    unasked = {n for n, s in SCENARIOS.items() if not s.expectation.abandoned_are_keys}
    assert unasked == {"timeout-upstream", "limit-data-upstream"}


def test_abandoned_mints_have_a_bound_of_their_own() -> None:
    lost = replace(GOOD, most_alive=9, abandoned=7)
    assert [*Expectation(abandoned=7).violations("killed", lost)] == []
    assert [*Expectation(abandoned=6).violations("killed", lost)] == [
        "killed: most alive: 9, where 8 is the bound",
        "killed: abandoned: 7, where 6 is the bound",
    ]
    assert len([*Expectation().violations("reset", replace(GOOD, abandoned=1))]) == 1
    bounds = {name: s.expectation.abandoned for name, s in SCENARIOS.items()}
    answers_lost = {"timeout": 1, "reset-peer": 1, "limit-data": 1}
    requests_lost = {"timeout-upstream": 1, "limit-data-upstream": 1}
    assert {name: bound for name, bound in bounds.items() if bound} == {
        "killed-at-steps": 12,
        **answers_lost,
        **requests_lost,
    }


def test_both_agents_are_in_a_line_of_the_table() -> None:
    bad = replace(GOOD, unserved=500, longest_gap=9.96, minted=2, note="5 kills")
    found = {"steady": {"Freshkey": GOOD, "Vault Agent": bad}}
    subjects = [*SUBJECTS.values()]
    head, rule, row, *_ = chaos_table(found, subjects).splitlines()
    assert head.count("|") == rule.count("|") == row.count("|")
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:3] == ["nothing happens (5 kills)", "0 · 25.0 % (10.0 s)", "4 · 2"]
    assert "25.0 % (10.0 s) without a key" in summary("steady", found["steady"])


def test_one_bad_look_is_not_rounded_to_none() -> None:
    assert unserved(GOOD) == "0"
    assert unserved(replace(GOOD, unserved=1, longest_gap=0.02)) == "0.1 % (0.02 s)"


def test_scenarios_have_a_line_each() -> None:
    actions = [scenario.action for scenario in SCENARIOS.values()]
    assert len(set(actions)) == len(actions)
    assert any(scenario.quick for scenario in SCENARIOS.values())
