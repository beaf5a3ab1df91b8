"""Worlds in which Vault keeps keys that have no lease."""

from __future__ import annotations

from typing import Any

from tests.core.scripts import (
    Rule,
    policy,
)
from tests.core.vault import Vault
from tests.core.world import World

REFRESH = 300.0


def static(*names: str, rules: tuple[Rule, ...] = (), **options: Any) -> World:  # noqa: ANN401 - KeyPolicy's
    """A world in which Vault keeps a key for each name."""
    static_keys = {name: f"sk-{name}-1" for name in names or ("billing",)}
    options = {"probe_every": 0, **options}
    return World(
        policy(*static_keys, **options), Vault(static_keys=static_keys, token_ttl=3600), rules
    ).start()
