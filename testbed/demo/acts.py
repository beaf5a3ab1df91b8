"""What is done in each chapter of the story, and how its outcome is seen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from testbed.demo.judgement import Outcome
from testbed.demo.scene import Scene
from testbed.demo.stage import UNPROBED
from testbed.vault import VaultServer

Act = Callable[[Scene, float], Outcome]
"""Is given the seconds of its bound, and says what it saw."""

LEASE: Final = 60
SHORT_LEASE: Final = 12
LONG_LEASE: Final = 600
DOWN_FOR: Final = 1
STALE_FOR: Final = 4
MINUTE: Final = 60
"""Seconds, all six."""


def revoke(scene: Scene, bound: float) -> Outcome:
    """Revoke the lease at Vault, which deletes the account."""
    scene.have_new_key(LEASE)
    old, event = scene.in_file(), scene.now()
    scene.revoke_lease()
    return Outcome(event, scene.measure(lambda: scene.replaced(old), event, bound))


def delete(scene: Scene, bound: float) -> Outcome:
    """Delete the account at OpenAI; Vault knows nothing of it."""
    scene.have_new_key(LEASE)
    old, event = scene.in_file(), scene.now()
    scene.delete_account(old)
    return Outcome(event, scene.measure(lambda: scene.replaced(old), event, bound))


def freeze(scene: Scene, bound: float) -> Outcome:
    """Stop Vault for longer than the lease. The event is its return."""
    scene.have_new_key(SHORT_LEASE)
    old = scene.in_file()
    faults = []
    with _frozen(scene.vault):
        if not scene.wait_for(lambda: _is_stale(scene), scene.now() + 2 * SHORT_LEASE):
            faults.append("the key was not marked stale")
        scene.watch(scene.now() + STALE_FOR)
        if scene.in_file() != old or not _is_stale(scene):
            faults.append("the key was not served on while Vault was away")
        event = scene.now()
    seen = scene.measure(lambda: scene.replaced(old), event, bound)
    return Outcome(event, seen, tuple(faults))


def kill(scene: Scene, bound: float) -> Outcome:
    """Kill the agent, and start it again a second later."""
    scene.have_new_key(LEASE)
    before, old, mints = scene.agent.shown(), scene.in_file(), scene.mints()
    event = scene.now()
    scene.agent.kill()
    changed = scene.wait_for(lambda: scene.in_file() != old, event + DOWN_FOR)
    scene.agent.start_again()
    seen = scene.measure(lambda: scene.agent.shown() is not None, event, bound)
    after = scene.agent.shown()
    faults = []
    if changed or scene.in_file() != old:
        faults.append("the file did not keep its key")
    if before is None or after is None or before.tag != after.tag:
        faults.append("the key is not the one that it was before")
    if scene.mints() != mints:
        faults.append("a key was minted")
    return Outcome(event, seen, tuple(faults))


def limit(scene: Scene, _bound: float) -> Outcome:
    """Let OpenAI refuse every new account for a minute, in which a new key is wanted."""
    scene.have_new_key(LONG_LEASE)
    before, tries = scene.agent.shown(), scene.refused_mints()
    scene.openai.configure(requests_per_minute={"service_account.create": 0})
    event = scene.now()
    scene.agent.rotate()
    scene.watch(event + MINUTE)
    after, tries = scene.agent.shown(), scene.refused_mints() - tries
    scene.openai.configure()
    faults = []
    if before is None or after is None or after.tag != before.tag or after.stale:
        faults.append("the old key was not served on")
    if tries == 0:
        faults.append("no mint was tried, so nothing was shown")
    return Outcome(event, tries, tuple(faults))


def report(scene: Scene, bound: float) -> Outcome:
    """Delete the account of a key that only its reader watches."""
    old, event = scene.in_file(UNPROBED), scene.now()
    scene.delete_account(old)
    return Outcome(event, scene.measure(lambda: scene.replaced(old, UNPROBED), event, bound))


def _is_stale(scene: Scene) -> bool:
    shown = scene.agent.shown()
    return shown is not None and shown.stale


@contextmanager
def _frozen(vault: VaultServer) -> Iterator[None]:
    vault.freeze()
    try:
        yield
    finally:
        vault.thaw()
