import time

from freshkey.host.clock import WallClock, boot_time
from hypothesis import given
from hypothesis import strategies as st

NOON = 1_764_000_000.0  # 2025-11-24T16:00:00Z


class Clocks:
    """A wall clock and a lease clock that the test turns."""

    def __init__(self, wall: float = NOON, boot: float = 500.0) -> None:
        self.wall = wall
        self.boot = boot
        self.under_test = WallClock(lambda: self.wall, lambda: self.boot)

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds


def test_the_lease_clock_runs_at_least_as_far_as_the_monotonic_one() -> None:
    monotonic = time.monotonic()
    assert boot_time() >= monotonic


def test_an_instant_is_printed_in_utc() -> None:
    clocks = Clocks()
    assert clocks.under_test.not_after(500.0) == "2025-11-24T16:00:00Z"
    assert clocks.under_test.not_after(560.999) == "2025-11-24T16:01:00Z"


def test_what_remains_is_rounded_down_on_either_side_of_zero() -> None:
    clocks = Clocks()
    assert clocks.under_test.expires_in(510.9) == 10
    assert clocks.under_test.expires_in(499.9) == -1


def test_what_remains_is_counted_on_the_lease_clock_alone() -> None:
    clocks = Clocks()
    clocks.wall += 3600
    assert clocks.under_test.expires_in(510.0) == 10
    clocks.boot += 4
    assert clocks.under_test.expires_in(510.0) == 6


def test_a_jump_is_told_once_and_printed_times_follow_it() -> None:
    clocks = Clocks()
    clocks.pass_by(30)
    clocks.wall += 3600
    assert clocks.under_test.jumped()
    assert clocks.under_test.not_after(500.0) == "2025-11-24T17:00:00Z"
    clocks.pass_by(30)
    assert not clocks.under_test.jumped()


def test_a_jump_back_is_one_too() -> None:
    clocks = Clocks()
    clocks.wall -= 5.5
    assert clocks.under_test.jumped()


def test_a_suspended_machine_is_no_jump() -> None:
    clocks = Clocks()
    clocks.pass_by(8 * 3600)
    assert not clocks.under_test.jumped()


def test_a_small_step_is_no_jump_yet_printed_times_follow_it() -> None:
    clocks = Clocks()
    clocks.wall += 2
    assert not clocks.under_test.jumped()
    assert clocks.under_test.not_after(500.0) == "2025-11-24T16:00:02Z"


def test_small_steps_do_not_add_up_to_a_jump() -> None:
    clocks = Clocks()
    for _ in range(10):
        clocks.pass_by(30)
        clocks.wall += 2
        assert not clocks.under_test.jumped()


@given(st.lists(st.floats(-0.45, 0.45), max_size=30), st.floats(0, 1e6))
def test_a_clock_that_is_disciplined_leaves_printed_times_alone(
    wobble: list[float], expires_at: float
) -> None:
    clocks = Clocks()
    printed = clocks.under_test.not_after(expires_at)
    for offset in wobble:
        clocks.pass_by(30)
        clocks.wall = NOON - 500.0 + clocks.boot + offset
        assert not clocks.under_test.jumped()
        assert clocks.under_test.not_after(expires_at) == printed
