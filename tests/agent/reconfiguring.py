"""Changes to the configuration of an agent, whether it runs or not."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from tests.agent.harness import Agent


def change(agent: Agent, old: str, new: str) -> None:
    """Replace a part of the configuration, as an editor does: by another file."""
    text = agent.config.read_text()
    assert old in text
    other = agent.config.with_name("config.new")
    other.write_text(text.replace(old, new, 1))
    other.replace(agent.config)


def mint_without_limit(agent: Agent) -> None:
    """Take the limit of mints away, which would hold up a test that rotates fast."""
    change(agent, "[vault]", "[vault]\nmax_mints_per_minute = 0")


def reload(agent: Agent, event: str = "reload.done") -> dict[str, Any]:
    """Send SIGHUP, and wait until this is told of a reload that began after it.

    The agent looks at its file by itself, too: that may end meanwhile, with what was there before.
    """
    before = len(agent.logged("reload.begun" if event == "reload.done" else event))
    assert agent.process is not None
    agent.process.send_signal(signal.SIGHUP)
    return eventually(lambda: agent.logged(event)[before:], event)[0]
