"""How each scenario injects its fault, and measures what came of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from testbed.demo.environment import UNPROBED
from testbed.demo.evaluation import Outcome
from testbed.demo.scenario_context import ScenarioContext
from testbed.vault import VaultServer

Injection = Callable[[ScenarioContext, float], Outcome]
"""Takes the seconds of the scenario's bound."""

LEASE: Final = 60
SHORT_LEASE: Final = 12
LONG_LEASE: Final = 600
DOWN_FOR: Final = 1
STALE_FOR: Final = 4
MINUTE: Final = 60
"""Seconds, all six."""


def revoke_lease(context: ScenarioContext, bound: float) -> Outcome:
    """Revoke the lease at Vault, which deletes the account."""
    context.ensure_new_key(LEASE)
    old, event = context.key_in_file(), context.now()
    context.revoke_lease()
    return Outcome(event, context.measure_delay(lambda: context.is_replaced(old), event, bound))


def delete_account(context: ScenarioContext, bound: float) -> Outcome:
    """Delete the account at OpenAI; Vault knows nothing of it."""
    context.ensure_new_key(LEASE)
    old, event = context.key_in_file(), context.now()
    context.delete_account(old)
    return Outcome(event, context.measure_delay(lambda: context.is_replaced(old), event, bound))


def freeze_vault(context: ScenarioContext, bound: float) -> Outcome:
    """Stop Vault for longer than the lease. The event is its return."""
    context.ensure_new_key(SHORT_LEASE)
    old = context.key_in_file()
    faults = []
    with _frozen(context.vault):
        if not context.wait_for(lambda: _is_stale(context), context.now() + 2 * SHORT_LEASE):
            faults.append("the key was not marked stale")
        context.keep_watching(context.now() + STALE_FOR)
        if context.key_in_file() != old or not _is_stale(context):
            faults.append("the key was not served on while Vault was away")
        event = context.now()
    measured = context.measure_delay(lambda: context.is_replaced(old), event, bound)
    return Outcome(event, measured, tuple(faults))


def kill_agent(context: ScenarioContext, bound: float) -> Outcome:
    """Kill the agent, and start it again a second later."""
    context.ensure_new_key(LEASE)
    before, old, mints = context.agent.published_key(), context.key_in_file(), context.mints()
    event = context.now()
    context.agent.kill()
    changed = context.wait_for(lambda: context.key_in_file() != old, event + DOWN_FOR)
    context.agent.start_again()
    measured = context.measure_delay(
        lambda: context.agent.published_key() is not None, event, bound
    )
    after = context.agent.published_key()
    faults = []
    if changed or context.key_in_file() != old:
        faults.append("the file did not keep its key")
    if before is None or after is None or before.tag != after.tag:
        faults.append("the key is not the one that it was before")
    if context.mints() != mints:
        faults.append("a key was minted")
    return Outcome(event, measured, tuple(faults))


def limit_mints(context: ScenarioContext, _bound: float) -> Outcome:
    """Let OpenAI refuse every new account for a minute, in which a new key is wanted."""
    context.ensure_new_key(LONG_LEASE)
    before, tries = context.agent.published_key(), context.refused_mints()
    context.openai.configure(requests_per_minute={"service_account.create": 0})
    event = context.now()
    context.agent.rotate()
    context.keep_watching(event + MINUTE)
    after, tries = context.agent.published_key(), context.refused_mints() - tries
    context.openai.configure()
    faults = []
    if before is None or after is None or after.tag != before.tag or after.stale:
        faults.append("the old key was not served on")
    if tries == 0:
        faults.append("no mint was tried, so nothing was shown")
    return Outcome(event, tries, tuple(faults))


def delete_reported_account(context: ScenarioContext, bound: float) -> Outcome:
    """Delete the account of a key that only its reader watches."""
    old, event = context.key_in_file(UNPROBED), context.now()
    context.delete_account(old)
    return Outcome(
        event, context.measure_delay(lambda: context.is_replaced(old, UNPROBED), event, bound)
    )


def _is_stale(context: ScenarioContext) -> bool:
    published_key = context.agent.published_key()
    return published_key is not None and published_key.stale


@contextmanager
def _frozen(vault: VaultServer) -> Iterator[None]:
    vault.freeze()
    try:
        yield
    finally:
        vault.thaw()
