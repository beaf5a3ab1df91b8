"""Configurations of which the commands find one good, and one bad."""

from __future__ import annotations

from tests.settings.files import config

ON_DISK = '[state]\ndirectory = "state"\nallow_disk = true'  # where pytest keeps its files
GOOD = config(more=ON_DISK)
BAD = config(vault="", key="renew_at = 1")
BAD_LINES = (
    "vault.address: is missing: set it, or the variable VAULT_ADDR\n"
    "keys.billing.renew_at: is 1, and must be from 0.5 to 0.95\n"
)
