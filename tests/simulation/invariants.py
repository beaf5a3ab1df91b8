"""What must hold in every history, each with its reason."""

from __future__ import annotations

from bisect import bisect_right
from math import inf
from typing import TYPE_CHECKING, Final

from freshkey.core.pacing.backoff import BASE, TO_SPARE

from tests.simulation.abandoned import abandoned_mints_are_told
from tests.simulation.agent import Down
from tests.simulation.bounds import replacement
from tests.simulation.broken import BrokenError
from tests.simulation.clocks import BOOT_AT
from tests.simulation.edits import edits_are_read_once
from tests.simulation.excuses import excuses, uncovered
from tests.simulation.histories import Kind, key_name
from tests.simulation.hook_promises import hooks_are_run
from tests.simulation.memory import memory_is_bounded
from tests.simulation.quiet import calls_at_rest_are_few
from tests.simulation.vault_model import IDENTITY
from tests.simulation.windows import Window, clusters
from tests.simulation.world import SECRET_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.core.model.secret import Secret
    from freshkey.core.model.view import KeyView

    from tests.simulation.agent import Lives
    from tests.simulation.excuses import Excuse
    from tests.simulation.run import Outcome
    from tests.simulation.world import World

MINUTE: Final = 60.0 - 1e-6
_STOP: Final = 5.0  # seconds (behaviour 6)
_STOP_GRACE: Final = 20.0  # `stop_grace`
_GATHERED: Final = 1e-3  # seconds from one step of the main loop to the next, five times
_ANSWERS: Final = 10.0  # seconds that Vault's answers take
_TESTS: Final = 30.0 + _ANSWERS  # `activation_timeout`, and these


def readers_have_a_working_key(outcome: Outcome) -> None:
    """1. Readers must not notice rotations, restarts, or faults that a lease outlasts."""
    found = excuses_of(outcome)
    for gap in outcome.readers.gaps:
        left = uncovered(gap, found)
        if left is not None:
            reader = f"the reader of {gap.door.name} from its {gap.door.way}"
            times = f"from {left[0]:.3f} to {left[1]:.3f}"
            raise BrokenError(1, f"{reader} has no working key ({gap.cause}) {times}")


def excuses_of(outcome: Outcome) -> list[Excuse]:
    """List what excuses that a reader has no working key."""
    world = outcome.world
    return list(excuses(world.as_it_was, outcome.lives.downs, _without_budget(world)))


def _without_budget(world: World) -> Iterator[tuple[float, float]]:
    """List the times in which another mint would be one too many."""
    budget = world.history.budget
    mints = sorted(world.mints)
    for index, at in enumerate(mints):
        if budget and index >= budget - 1:
            first = mints[index - budget + 1]
            if at - first < MINUTE:
                yield at, first + 60.0 + replacement(world.history)


class LeaseWatch:
    """2. Keys that nobody uses must not pile up at OpenAI: looked at with every change."""

    def __init__(self, world: World, lives: Lives) -> None:
        self._world = world
        self._lives = lives
        self._two_since: dict[str, float] = {}

    def look(self) -> None:
        """Count the leases of each key that are alive, and not lost on their way."""
        world = self._world
        tokens: dict[str, list[str]] = {key_name(index): [] for index in range(4)}
        for lease in world.vault.leases.values():
            if lease.account not in world.lost:
                tokens[lease.role.partition("-")[0]].append(lease.token)
        for name, of_leases in tokens.items():
            alive, changing = len(of_leases), len(set(of_leases)) > 1
            is_disturbed = self.settled_at(world.elapsed) > world.elapsed
            if alive > 2 and alive > 2 + changing + is_disturbed:
                raise BrokenError(2, f"{alive} leases of {name} are alive at {world.elapsed:.3f}")
            self._time(name, alive)

    def _time(self, name: str, alive: int) -> None:
        """Two leases are alive for an overlap, and while a key is replaced."""
        if alive < 2:
            self._two_since.pop(name, None)
            return
        elapsed, history = self._world.elapsed, self._world.history
        since = self._two_since.setdefault(name, elapsed)
        plan = history.plan(name)  # of a key that an edit has removed, too
        tests = _TESTS if plan.verify != "off" else _ANSWERS
        most = plan.overlap + tests + 2 * replacement(history)
        if elapsed - self.settled_at(since) > most:
            raise BrokenError(
                2, f"two leases of {name} are alive from {since:.3f} to {elapsed:.3f}"
            )

    def settled_at(self, since: float) -> float:
        """Return when the last fault that delays a revocation is over; `since` if there is none."""
        world = self._world
        if world.was_disk_full(self._lives.last_kill):  # what the journal lacked lives to its end
            return inf
        downs = [*self._lives.downs]
        if world.is_dead:
            downs.append(Down(self._lives.ended_at, inf, None))
        full = [
            Window(one.at, one.at + one.seconds, one.at + one.seconds + 60.0, frozenset({one.kind}))
            for one in world.past
            if one.kind is Kind.DISK_FULL
        ]
        reloads = [Window(at, at, at + 60.0, frozenset()) for at in world.reloads]
        held_up = [
            window.recovered
            for window in (*clusters(world.as_it_was, downs), *full, *reloads)
            if window.began <= world.elapsed and since <= window.recovered
        ]
        return max(held_up, default=since)


class PublicationWatch:
    """3. A key that OpenAI refuses must not reach readers, nor two keys go by one tag."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._keys: dict[tuple[str, str], Secret] = {}
        self._last: dict[str, tuple[int, Secret]] = {}

    def look(self, view: KeyView, verify: str) -> None:
        """Look at what is shown."""
        out, world = view.publication, self._world
        if out is None:
            return
        if verify == "require" and out.secret.reveal() not in world.openai.tested:
            raise BrokenError(3, f"{view.name} is published untested at {world.elapsed:.3f}")
        known = self._keys.setdefault((view.name, out.tag), out.secret)
        if known != out.secret:
            raise BrokenError(3, f"two keys of {view.name} go by the tag {out.tag}")
        generation, secret = self._last.get(view.name, (0, out.secret))
        if out.secret != secret and out.generation <= generation:
            what = f"generation {out.generation} of {view.name} comes after {generation}"
            raise BrokenError(3, what)
        self._last[view.name] = out.generation, out.secret

    def forget(self, name: str) -> None:
        """A key that is configured no more, and comes back, may count its generations anew."""
        self._last.pop(name, None)


def calls_are_bounded(outcome: Outcome) -> None:
    """4. An agent in trouble must not add to it: neither Vault nor OpenAI is hammered."""
    world = outcome.world
    budget = world.history.budget
    if budget:
        mints = sorted(world.mints)
        for first, last in zip(mints, mints[budget:], strict=False):
            is_counted = not any(first <= start <= last for start in world.old_journals)
            if last - first < MINUTE and is_counted:
                raise BrokenError(4, f"more than {budget} mints from {first:.3f} to {last:.3f}")
    starts = [0.0, *(down.ended for down in outcome.lives.downs)]
    times = [at - BOOT_AT for at, _, _ in world.requests]
    for index, last in enumerate(times):
        first = bisect_right(times, last - MINUTE)
        most = _calls_a_minute(world, sum(last - MINUTE < start <= last for start in starts))
        if index + 1 - first > most:
            raise BrokenError(4, f"more than {most} requests in the minute before {last:.0f}")


def _calls_a_minute(world: World, starts: int) -> int:
    """Return how many requests are few enough for a minute with so many starts.

    For the token and the link to Vault: a ping every two seconds, and ten tries with backoff. For
    each key a dozen tests, as of a stale one, and as many tries of all else. A lease that Vault
    looks up and renews has more tries before its end, a second apart. A start repeats a dozen. What
    one node does not take is sent to the next.
    """
    keys = world.history.keys
    leased = sum(not plan.static and not plan.federated for plan in keys)
    tries = 40 + 24 * len(keys) + 2 * round(TO_SPARE / BASE) * leased + 12 * starts
    return min(world.history.nodes, 2) * tries


def nothing_secret_is_told(outcome: Outcome) -> None:
    """5. Logs and audit files are read by people, and kept in places, that no key is meant for."""
    world = outcome.world
    secrets = [*world.openai.by_secret, *world.vault.issued, SECRET_ID, IDENTITY]
    told = "\n".join([*world.lines, world.audit, *world.events])
    for secret in secrets:
        if secret in told:
            where = next(line for line in told.splitlines() if secret in line)
            raise BrokenError(5, f"a secret is told: {where.replace(secret, '<the secret>')}")


def stops_are_quick(outcome: Outcome) -> None:
    """6. A service manager kills what does not end, and a kill in a mint may cost a key."""
    for stop in outcome.lives.stopped:
        most = _STOP_GRACE if stop.minting else _STOP
        if stop.seconds > most + _GATHERED:
            raise BrokenError(6, f"a stop took {stop.seconds:.1f} s, and may take {most:g} s")


AT_THE_END: Final = (
    readers_have_a_working_key,
    abandoned_mints_are_told,
    edits_are_read_once,
    calls_are_bounded,
    calls_at_rest_are_few,
    nothing_secret_is_told,
    stops_are_quick,
    hooks_are_run,
    memory_is_bounded,
)
