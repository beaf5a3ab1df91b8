import signal

import pytest
from freshkey.core.model.secret import Secret
from freshkey.exec.supervision import (
    ANSWER,
    BETWEEN_STARTS,
    PATIENCE,
    AskAgain,
    Leave,
    OnChange,
    Rules,
    Send,
    Start,
    Supervision,
)

A, B, C = Secret("a"), Secret("b"), Secret("c")
NOW = float("inf")  # when a key came that needs not be asked for again
TERM, KILL = Send(signal.SIGTERM), Send(signal.SIGKILL)
RULES = Rules(stop_timeout=10.0)


def started(rules: Rules = RULES) -> Supervision:
    """One whose command runs since 100."""
    supervision = Supervision(rules, frozenset({"billing"}), 90.0)
    supervision.on_key("billing", A, NOW)
    assert supervision.plan(100.0) == [Start({"billing": A})]
    return supervision


def test_it_starts_when_every_key_is_there() -> None:
    supervision = Supervision(RULES, frozenset({"billing", "search"}), 0.0)
    supervision.on_key("billing", A, NOW)
    assert supervision.plan(1e6) == []
    assert supervision.wake_at() is None
    assert supervision.missing == ["search"]
    supervision.on_key("search", B, NOW)
    assert supervision.plan(1e6) == [Start({"billing": A, "search": B})]
    assert supervision.plan(1e6) == []


def test_without_a_key_only_if_that_is_allowed_and_after_a_while() -> None:
    supervision = Supervision(Rules(allow_missing=True), frozenset({"billing"}), 10.0)
    assert supervision.plan(10.0) == []
    assert supervision.wake_at() == 10.0 + PATIENCE
    assert supervision.plan(10.0 + PATIENCE) == [Start({})]
    supervision.on_key("billing", A, NOW)
    assert supervision.plan(100.0) == [TERM]


def test_a_key_past_its_end_has_some_time_to_be_replaced() -> None:
    supervision = Supervision(RULES, frozenset({"billing"}), 100.0)
    supervision.on_key("billing", A, NOW, stale=True)
    assert supervision.plan(100.0) == []
    assert supervision.wake_at() == 100.0 + PATIENCE
    supervision.on_key("billing", B, NOW)
    assert supervision.plan(101.0) == [Start({"billing": B})]


def test_a_key_past_its_end_is_better_than_none() -> None:
    supervision = Supervision(RULES, frozenset({"billing"}), 100.0)
    supervision.on_key("billing", A, NOW, stale=True)
    assert supervision.plan(100.0 + PATIENCE) == [Start({"billing": A})]


def held_for_a_while() -> Supervision:
    """One that has had a key for long, and gets the other one now, at 200."""
    supervision = Supervision(RULES, frozenset({"billing", "search"}), 100.0)
    supervision.on_key("billing", A, 100.0)
    assert supervision.plan(100.0) == []
    supervision.on_key("search", B, 200.0)
    assert supervision.plan(200.0) == [AskAgain()]
    assert supervision.plan(200.0) == []
    assert supervision.wake_at() == 200.0 + ANSWER
    return supervision


def test_a_key_that_was_held_for_a_while_is_asked_for_again() -> None:
    supervision = held_for_a_while()
    supervision.on_key("search", B, 200.1)
    assert supervision.plan(200.1) == []
    supervision.on_key("billing", C, 200.2)
    assert supervision.plan(200.2) == [Start({"billing": C, "search": B})]


def test_a_key_that_was_withdrawn_meanwhile_is_waited_for() -> None:
    supervision = held_for_a_while()
    supervision.on_key("search", B, 200.1)
    assert supervision.unconfirmed(200.5) == []
    assert supervision.unconfirmed(200.0 + ANSWER) == ["billing"]
    supervision.on_withdrawn("billing")
    assert supervision.plan(201.0) == []
    assert supervision.missing == ["billing"]
    supervision.on_key("billing", C, 201.5)
    assert supervision.plan(201.5) == [AskAgain()], "the other one is old by now"
    supervision.on_key("search", B, 201.6)
    supervision.on_key("billing", C, 201.6)
    assert supervision.plan(201.6) == [Start({"billing": C, "search": B})]


def test_a_stale_answer_is_waited_on_until_patience_ends() -> None:
    supervision = Supervision(RULES, frozenset({"billing", "search"}), 100.0)
    supervision.on_key("billing", A, 100.0)
    supervision.on_key("search", B, 102.0)
    assert supervision.plan(102.0) == [AskAgain()]
    supervision.on_key("billing", A, 102.1, stale=True)
    assert supervision.plan(102.1) == []
    assert supervision.wake_at() == 100.0 + PATIENCE, "not an instant that has gone by"


def test_without_an_answer_what_is_held_has_to_do() -> None:
    supervision = held_for_a_while()
    assert supervision.plan(200.0 + ANSWER) == [Start({"billing": A, "search": B})]


def test_the_end_of_the_command_is_the_end() -> None:
    supervision = started()
    supervision.on_key("billing", B, NOW)
    supervision.on_ended(3)
    assert supervision.plan(101.0) == [Leave(3)]


def test_a_change_restarts() -> None:
    supervision = started()
    supervision.on_key("billing", B, NOW)
    assert supervision.plan(200.0) == [TERM]
    assert supervision.wake_at() == 210.0
    assert supervision.plan(209.9) == []
    supervision.on_ended(143)
    assert supervision.plan(209.9) == [Start({"billing": B})]


def test_what_does_not_end_is_killed_once() -> None:
    supervision = started()
    supervision.on_key("billing", B, NOW)
    supervision.plan(200.0)
    assert supervision.plan(210.0) == [KILL]
    assert supervision.plan(300.0) == []
    assert supervision.wake_at() is None
    supervision.on_ended(137)
    assert supervision.plan(300.0) == [Start({"billing": B})]
    supervision.on_key("billing", C, NOW)
    assert supervision.plan(400.0) == [TERM]
    assert supervision.plan(410.0) == [KILL]


def test_starts_keep_a_distance_and_the_newest_key_is_taken() -> None:
    supervision = started()
    supervision.on_key("billing", B, NOW)
    assert supervision.plan(101.0) == []
    assert supervision.wake_at() == 100.0 + BETWEEN_STARTS
    supervision.on_key("billing", C, NOW)
    assert supervision.plan(100.0 + BETWEEN_STARTS) == [TERM]
    supervision.on_ended(0)
    assert supervision.plan(105.1) == [Start({"billing": C})]


def test_a_key_that_comes_during_a_restart_is_in_it() -> None:
    supervision = started()
    supervision.on_key("billing", B, NOW)
    assert supervision.plan(200.0) == [TERM]
    supervision.on_key("billing", C, NOW)
    assert supervision.plan(200.0) == []
    supervision.on_ended(0)
    assert supervision.plan(201.0) == [Start({"billing": C})]
    assert supervision.plan(900.0) == []


def test_the_same_key_under_another_tag_is_no_change() -> None:
    supervision = started()
    supervision.on_key("billing", Secret("a"), NOW)
    assert supervision.plan(200.0) == []
    assert supervision.wake_at() is None


def test_a_change_signals() -> None:
    supervision = started(Rules(OnChange.SIGNAL, signal.SIGUSR1))
    supervision.on_key("billing", B, NOW)
    assert supervision.plan(100.0) == [Send(signal.SIGUSR1)]
    assert supervision.plan(200.0) == []


def test_a_change_does_nothing() -> None:
    supervision = started(Rules(OnChange.NONE))
    supervision.on_key("billing", B, NOW)
    assert supervision.plan(200.0) == []
    assert supervision.wake_at() is None


def test_signals_are_passed_on_unless_they_reached_the_command() -> None:
    supervision = started()
    supervision.on_signal(signal.SIGUSR1)
    supervision.on_signal(signal.SIGINT, reached=True)
    supervision.on_signal(signal.SIGTERM)
    assert supervision.plan(101.0) == [Send(signal.SIGUSR1), TERM]
    assert supervision.plan(101.0) == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_before_the_start_ends_it(number: int) -> None:
    supervision = Supervision(RULES, frozenset({"billing"}), 0.0)
    supervision.on_signal(number)
    supervision.on_key("billing", A, NOW)
    assert supervision.plan(1.0) == [Leave(1)]


def test_a_signal_that_ends_nothing_is_lost_before_the_start() -> None:
    supervision = Supervision(RULES, frozenset({"billing"}), 0.0)
    supervision.on_signal(signal.SIGWINCH)
    supervision.on_key("billing", A, NOW)
    assert supervision.plan(1.0) == [Start({"billing": A})]
    assert supervision.plan(1.0) == []


@pytest.mark.parametrize("reached", [True, False])
def test_a_signal_during_a_restart_makes_it_the_end(*, reached: bool) -> None:
    supervision = started()
    supervision.on_key("billing", B, NOW)
    assert supervision.plan(200.0) == [TERM]
    supervision.on_signal(signal.SIGINT, reached=reached)
    assert supervision.plan(200.0) == ([] if reached else [Send(signal.SIGINT)])
    assert supervision.plan(210.0) == [KILL]
    supervision.on_ended(137)
    assert supervision.plan(211.0) == [Leave(137)]


def test_a_hangup_during_a_restart_does_not() -> None:
    supervision = started()
    supervision.on_key("billing", B, NOW)
    supervision.plan(200.0)
    supervision.on_signal(signal.SIGHUP)
    supervision.on_ended(129)
    assert supervision.plan(201.0) == [Start({"billing": B})]


def test_a_signal_before_a_restart_does_not_prevent_it() -> None:
    supervision = started()
    supervision.on_signal(signal.SIGINT)  # an interpreter goes on after it
    supervision.plan(101.0)
    supervision.on_key("billing", B, NOW)
    supervision.plan(200.0)
    supervision.on_ended(143)
    assert supervision.plan(201.0) == [Start({"billing": B})]
