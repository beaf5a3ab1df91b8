"""Asks the probe for its finding, which never shows the key."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from freshkey.core.model.secret import Secret
from freshkey.openai.probe import Probe

if TYPE_CHECKING:
    from freshkey.core.model.verdict import Finding

KEY = Secret("sk-svcacct-canary")
LIST = b'{"object": "list", "data": []}'


async def ask(base_url: str, secret: Secret = KEY) -> Finding:
    async with aclosing(Probe(base_url)) as probe:
        finding = await probe.test(secret)
    assert "canary" not in finding.detail
    assert "\n" not in finding.detail
    return finding
