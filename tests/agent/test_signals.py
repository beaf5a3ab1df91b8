"""Signals that were ignored or blocked when the agent started: under nohup, or some CI systems."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually
from tests.support.inherited_signals import HOW, with_signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_agent_ends_in_order(
    make_agent: Callable[..., Agent], how: str, number: signal.Signals
) -> None:
    agent = make_agent()
    agent.start(None, *with_signals(how))
    agent.wait_for_key()
    assert agent.process is not None
    agent.process.send_signal(signal.SIGHUP)
    eventually(lambda: agent.logged("reload.done"), "SIGHUP is heard and ends nothing")
    assert agent.end(number) == 0
    assert agent.logged("agent.stopped")
