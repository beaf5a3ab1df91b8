"""What happens in Vault, or to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed.chaos.agent_run import AgentRun


def revoke_lease(agent_run: AgentRun) -> None:
    """Revoke the key's lease behind the agent's back, which deletes the account."""
    site = agent_run.site
    site.servers.vault.request("PUT", f"sys/leases/revoke-prefix/{site.secret_path}")


def revoke_tokens(agent_run: AgentRun) -> None:
    """Revoke every token that the agent has logged in for, which takes their leases along."""
    site = agent_run.site
    site.servers.vault.request("PUT", f"sys/leases/revoke-prefix/auth/{site.mount}")


@contextmanager
def frozen(agent_run: AgentRun) -> Iterator[None]:
    """Stop Vault meanwhile: it accepts connections, and answers nothing."""
    vault = agent_run.site.servers.vault
    vault.freeze()
    try:
        yield
    finally:
        vault.thaw()


@contextmanager
def sealed(agent_run: AgentRun) -> Iterator[None]:
    """Seal Vault meanwhile."""
    vault = agent_run.site.servers.vault
    vault.request("PUT", "sys/seal")
    try:
        yield
    finally:
        vault.request("PUT", "sys/unseal", {"key": vault.unseal_key})
