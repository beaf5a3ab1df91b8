"""What happens in Vault, or to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed.chaos.trial import Trial


def revoke_lease(trial: Trial) -> None:
    """Revoke the key's lease behind the agent's back, which deletes the account."""
    site = trial.site
    site.servers.vault.request("PUT", f"sys/leases/revoke-prefix/{site.secret_path}")


def revoke_tokens(trial: Trial) -> None:
    """Revoke every token that the agent has logged in for, which takes their leases along."""
    site = trial.site
    site.servers.vault.request("PUT", f"sys/leases/revoke-prefix/auth/{site.mount}")


@contextmanager
def frozen(trial: Trial) -> Iterator[None]:
    """Stop Vault meanwhile: it accepts connections, and answers nothing."""
    vault = trial.site.servers.vault
    vault.freeze()
    try:
        yield
    finally:
        vault.thaw()


@contextmanager
def sealed(trial: Trial) -> Iterator[None]:
    """Seal Vault meanwhile."""
    vault = trial.site.servers.vault
    vault.request("PUT", "sys/seal")
    try:
        yield
    finally:
        vault.request("PUT", "sys/unseal", {"key": vault.unseal_key})
