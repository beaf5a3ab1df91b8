"""The journal's bytes: what one version wrote, the next one reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from freshkey.core.model.events import RotateRequested
from freshkey.core.model.ledger import to_ledger
from freshkey.outputs.codec import Header, decode, encode

from tests.core.scripts import ORIGIN, policy, sources
from tests.core.vault import Vault
from tests.core.world import World

if TYPE_CHECKING:
    from freshkey.core.model.ledger import Ledger

HEADER = Header("machine", "boot", 1000.0, 2000.0)
SINCE_KV = ("outdated", "barred", "unannounced")  # fields of a key


def ledger() -> Ledger:
    """One key with a lease and one without, and a token."""
    world = World(policy("kept", "minted"), Vault(kept={"kept": "sk-kept"}, token_ttl=3600)).start()
    world.run(10).send(RotateRequested("minted")).run(10)
    return to_ledger(world.state, ORIGIN, sources(world.policy))


def test_what_was_written_is_read() -> None:
    assert decode(encode(HEADER, ledger())) == (HEADER, ledger())


def test_a_journal_from_before_secrets_without_a_lease() -> None:
    content = json.loads(encode(HEADER, ledger()))
    for key in content["ledger"]["keys"]:
        for field in SINCE_KV:
            del key[field]
    assert decode(json.dumps(content).encode()) == (HEADER, ledger())
