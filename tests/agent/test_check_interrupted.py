"""`freshkey check --online`, ended by a signal: it leaves no token, and prints no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.agent.holding_proxy import holding_proxy
from tests.agent.reconfiguring import change

if TYPE_CHECKING:
    from tests.agent.harness import Agent, Engine


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("held", ["/login", "/capabilities-self"])
def test_a_signal(agent: Agent, engine: Engine, held: str, number: signal.Signals) -> None:
    with holding_proxy(engine.vault.address, held) as proxy:
        change(agent, engine.vault.address, proxy.address)
        with subprocess.Popen(
            [sys.executable, "-m", "freshkey", "check", "--online", "--config", agent.config],
            env={"PATH": os.defpath, **agent.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as checking:
            try:
                assert proxy.is_holding.wait(20)
                assert len(engine.tokens()) == 1, "it has a token by now, and may not know it yet"
                checking.send_signal(number)
                checking.send_signal(number)
                if held == "/login":
                    proxy.release.set()
                output = checking.communicate(timeout=8)
            finally:
                checking.kill()
        assert (checking.returncode, *output) == (1, "", "freshkey: interrupted\n")
        assert len(engine.tokens()) == 0
