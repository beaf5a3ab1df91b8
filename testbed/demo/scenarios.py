"""The scenarios of the story."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from testbed.demo import fault_injection, migration
from testbed.demo.consumer import FILE, GATEWAY, REPORTER, SOCKET
from testbed.demo.evaluation import Bound, Tolerance

DEAD_KEY: Final[frozenset[Tolerance]] = frozenset(
    {
        (FILE.name, "refused"),
        (FILE.name, "failed"),  # a key that is known to be dead may be withdrawn
        (SOCKET.name, "refused"),
        (SOCKET.name, "failed"),
    }
)
NO_AGENT: Final[frozenset[Tolerance]] = frozenset(
    {(SOCKET.name, "failed"), (REPORTER.name, "failed"), (GATEWAY.name, "failed")}
)
REPORTED_KEY: Final[frozenset[Tolerance]] = frozenset(
    {(REPORTER.name, "refused"), (REPORTER.name, "failed")}
)


@dataclass(frozen=True)
class Scenario:
    """The fault, what could go wrong without the agent, and what the agent promises."""

    name: str
    title: str
    action: str
    risk: str
    expectation: str
    bound: Bound
    tolerated: frozenset[Tolerance]
    inject: fault_injection.Injection


_ALL: Final = (
    Scenario(
        "revoked",
        "a lease revoked behind its back",
        "an operator revokes the lease in Vault, which deletes the account at OpenAI",
        "every request is refused until somebody restarts something",
        "Vault is asked every 5 s: a working key is in the file within 7 s",
        Bound(7),
        DEAD_KEY,
        fault_injection.revoke_lease,
    ),
    Scenario(
        "deleted",
        "the account deleted at OpenAI",
        "somebody deletes the service account in OpenAI's console; Vault's lease lives on",
        "the lease looks fine, so nobody notices until it ends",
        "the key is tested every 5 s: a working one is in the file within 7 s",
        Bound(7),
        DEAD_KEY,
        fault_injection.delete_account,
    ),
    Scenario(
        "gateway",
        "the same, seen by an application that holds no key",
        "the account is deleted at OpenAI while an application asks through the gateway",
        "it would have to read another key, and to know when",
        "none of its requests is refused: each waits for the next key, which is there within 7 s",
        Bound(7),
        DEAD_KEY,
        fault_injection.delete_account,
    ),
    Scenario(
        "frozen",
        "Vault frozen for longer than a lease",
        f"Vault is stopped (SIGSTOP) until a lease of {fault_injection.SHORT_LEASE} s is over, "
        "then goes on, ends the lease, and deletes the account",
        "the key is taken away although OpenAI still accepts it; or nobody notices Vault's return",
        "the key is served, marked stale, while OpenAI accepts it; 5 s after Vault's return there "
        "is a new one",
        Bound(5),
        DEAD_KEY,
        fault_injection.freeze_vault,
    ),
    Scenario(
        "killed",
        "kill -9 of the agent",
        f"the agent is killed, and started again {fault_injection.DOWN_FOR} s later",
        "the key is gone, and every restart mints one more",
        "the file stays; the socket is back within 3 s of the kill, with the same key and tag",
        Bound(3),
        NO_AGENT,
        fault_injection.kill_agent,
    ),
    Scenario(
        "limited",
        "OpenAI's organization limit reached",
        "a new key is wanted, and OpenAI answers 429 to every new account for a minute",
        "retries that keep the limit exhausted; or a good key given up for one that can't be had",
        "no request is refused; at most 3 mints are tried in the minute",
        Bound(3, "/min"),
        frozenset(),
        fault_injection.limit_mints,
    ),
    Scenario(
        "reported",
        "a reader that reports a 401",
        "the account of another key is deleted, one that the agent neither checks nor tests",
        "the application knows that its key is dead, and the agent does not",
        "the reader says so on the socket: a working key is in the file within 2 s",
        Bound(2),
        REPORTED_KEY,
        fault_injection.delete_reported_account,
    ),
    Scenario(
        "migrated",
        "from a static key to the plugin to federation",
        "a line of the configuration is edited, and SIGHUP sent: the key comes from KV, then from "
        "the plugin, then from an exchange at OpenAI, then from the plugin again",
        "each step is an outage, or a date that every team has to agree on",
        "no request is refused; the next key is in the file within 5 s of each edit",
        Bound(5),
        frozenset(),
        migration.migrate,
    ),
)

SCENARIOS: Final[Mapping[str, Scenario]] = {scenario.name: scenario for scenario in _ALL}


def select_scenarios(names: str) -> tuple[Scenario, ...]:
    """Return the scenarios of comma-separated names, in the order of the story; "1" is all.

    Raises ValueError for a name that is none; the text is one line for the user.
    """
    if names == "1":
        return _ALL
    wanted = names.split(",")
    for name in wanted:
        if name not in SCENARIOS:
            raise ValueError(f"{name!r} is no scenario: give 1 for all, or {','.join(SCENARIOS)}")
    return tuple(scenario for scenario in _ALL if scenario.name in wanted)
