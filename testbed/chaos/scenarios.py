"""The scenarios, in the order of the table."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from testbed.chaos import (
    clock_faults,
    file_faults,
    killed_at_steps,
    network_faults,
    openai_faults,
    outages,
    process_faults,
    vault_faults,
)
from testbed.chaos.figures import Expectation
from testbed.chaos.outages import Outage, at_replacement, lasting
from testbed.chaos.scenario import Preparation, Scenario
from testbed.chaos.site import LEASE

WATCHED: Final = 40.0
LONG: Final = LEASE + 6.0
AFTERWARDS: Final = 22.0
"""Seconds, all three: the usual scenario, a fault beyond a lease, and what follows that."""

NOTICED: Final = Expectation(longest_gap=7)
"""What Freshkey looks at every 2 s is mended within 7 s: a check, a mint, and a busy machine."""
UNANSWERED: Final = Expectation(abandoned=1)
"""A mint may be the first request whose answer is lost; the next ones wait until Vault answers."""
UNASKED: Final = replace(UNANSWERED, abandoned_are_keys=False)
"""The agent can't tell that from a lost answer; Vault has made no key."""
EXPECTED: Final[Mapping[network_faults.Lost | None, Expectation]] = {
    None: Expectation(),
    "answers": UNANSWERED,
    "requests": UNASKED,
}
"""By what a network loses."""


def _outage(
    name: str, action: str, outage: Outage, *, apart: bool = False, quick: bool = False
) -> Scenario:
    return Scenario(
        name,
        f"{action}, {outages.DESCRIPTION}",
        outages.WATCHED,
        at_replacement(outage),
        lease=outages.LEASE,
        apart=apart,
        quick=quick,
    )


def _spoiled_disk(
    name: str,
    action: str,
    outage: Outage,
    *,
    prepare: Preparation = file_faults.own_disk,
    quick: bool = False,
) -> Scenario:
    spoiled = _outage(name, action, outage, quick=quick)
    return replace(spoiled, prepare=prepare, needs=("root",))


_PROCESS: Final = (
    Scenario("steady", "nothing happens", WATCHED, process_faults.nothing, quick=True),
    Scenario(
        "killed-at-steps",
        "`kill -9` at every step of a rotation",
        WATCHED,
        killed_at_steps.kill_at_every_step,
        prepare=killed_at_steps.unlimited_mints,
        expectation=Expectation(
            vault_calls=150, openai_calls=90, abandoned=killed_at_steps.ABANDONED
        ),
        needs=("root", "strace"),
        lease=killed_at_steps.LEASE,
    ),
    Scenario(
        "restart-storm",
        f"`kill -9` and a start, {process_faults.STORM} times, every "
        f"{process_faults.STORM_EVERY:g} s",
        WATCHED,
        process_faults.restart_storm,
        quick=True,
    ),
    Scenario(
        "restarts",
        f"SIGTERM and a start, {process_faults.RESTARTS} times, every "
        f"{process_faults.RESTART_EVERY:g} s",
        WATCHED,
        process_faults.graceful_restarts,
        quick=True,
    ),
    _outage("suspended", "the agent is stopped (SIGSTOP)", process_faults.suspended),
    Scenario(
        "suspended-long",
        f"the agent is stopped for {LONG:g} s, longer than a lease",
        LONG + AFTERWARDS,
        lasting(process_faults.suspended, LONG),
        expectation=Expectation(longest_gap=LONG - LEASE + NOTICED.longest_gap + outages.LEAD),
    ),
    Scenario(
        "clock-jumps",
        "the agent's wall clock jumps by an hour, forward and back",
        WATCHED,
        clock_faults.jump,
        prepare=clock_faults.own_clock,
        needs=("gcc", "x86_64"),
    ),
    Scenario(
        "output-unread",
        "nobody reads its standard error any more",
        2 * WATCHED,
        process_faults.stop_reading_output,
        prepare=process_faults.output_in_pipe,
    ),
)
_VAULT: Final = (
    Scenario(
        "revoked",
        "the lease is revoked in Vault",
        WATCHED,
        vault_faults.revoke_lease,
        expectation=NOTICED,
        quick=True,
    ),
    Scenario(
        "tokens-revoked",
        "the agent's tokens are revoked, and their leases with them",
        WATCHED,
        vault_faults.revoke_tokens,
        expectation=NOTICED,
        quick=True,
    ),
    _outage("frozen", "Vault is stopped (SIGSTOP)", vault_faults.frozen, apart=True),
    Scenario(
        "frozen-long",
        f"Vault is stopped for {LONG:g} s, longer than a lease",
        LONG + AFTERWARDS,
        lasting(vault_faults.frozen, LONG),
        expectation=NOTICED,
        apart=True,
    ),
    _outage("sealed", "Vault is sealed", vault_faults.sealed, apart=True, quick=True),
)
_NETWORK: Final = (
    *(
        replace(
            _outage(
                name,
                f"network, `{toxic.kind}`: {toxic.description}",
                network_faults.poisoned(name),
            ),
            expectation=EXPECTED[toxic.loses],
        )
        for name, toxic in network_faults.TOXICS.items()
    ),
    _outage("down", "network: connections are refused", network_faults.cut, quick=True),
)
_OPENAI: Final = (
    Scenario(
        "deleted",
        "the account is deleted at OpenAI",
        WATCHED,
        openai_faults.delete_accounts,
        expectation=NOTICED,
        quick=True,
    ),
    Scenario(
        "limited",
        f"OpenAI refuses mints with 429 for {openai_faults.LIMITED_FOR:g} s from the first one on",
        openai_faults.LIMITED_WATCHED,
        openai_faults.limit_mints,
        lease=openai_faults.LIMITED_LEASE,
        apart=True,
    ),
    replace(
        _outage(
            "server-errors",
            "OpenAI's organization API answers 500 and 503, in turns",
            openai_faults.failing,
            apart=True,
        ),
        expectation=Expectation(most_alive=3, alive_at_end=2),
    ),
    Scenario(
        "slow-activation",
        "a new key is refused for its first 2 s",
        WATCHED,
        lasting(openai_faults.behaving(activation_delay=2), WATCHED),
        apart=True,
    ),
    Scenario(
        "deletions-refused",
        "OpenAI refuses to delete accounts, all the time",
        WATCHED,
        lasting(openai_faults.behaving(errors={"service_account.delete": "forbidden"}), WATCHED),
        expectation=Expectation(most_alive=5, alive_at_end=5),
        apart=True,
    ),
)
_FILES: Final = (
    _spoiled_disk("full-disk", "the key's tmpfs is full", file_faults.full, quick=True),
    _spoiled_disk(
        "full-disk-and-state",
        "the tmpfs of key and journal is full",
        file_faults.full,
        prepare=file_faults.disk_with_state,
    ),
    _spoiled_disk("read-only", "the key's directory is read-only", file_faults.read_only),
    Scenario(
        "directory-removed",
        "the key's directory is removed",
        WATCHED,
        file_faults.remove_directory,
        expectation=NOTICED,
    ),
    Scenario(
        "file-deleted",
        "the key file is deleted",
        WATCHED,
        file_faults.delete_file,
        expectation=NOTICED,
        quick=True,
    ),
    Scenario(
        "file-overwritten",
        "another program writes into the key file",
        WATCHED,
        file_faults.overwrite_file,
        expectation=NOTICED,
    ),
    Scenario(
        "configuration-broken",
        "the configuration is overwritten with nonsense, and SIGHUP sent",
        WATCHED,
        file_faults.break_configuration,
    ),
)

SCENARIOS: Final[Mapping[str, Scenario]] = {
    scenario.name: scenario for scenario in (*_PROCESS, *_VAULT, *_NETWORK, *_OPENAI, *_FILES)
}
