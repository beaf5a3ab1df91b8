"""What all agents of a fleet share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.fleet.clock import Clock
from bench.fleet.readers import Readers
from bench.fleet.vault import Vault

LATENCY: Final = 0.05  # seconds for an answer of Vault
MINT_LATENCY: Final = 1.0


@dataclass(frozen=True)
class Environment:
    """One Vault, the clock that all go by, and those who read their keys."""

    clock: Clock
    vault: Vault
    readers: Readers
