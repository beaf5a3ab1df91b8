"""What happens at OpenAI."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Unpack

from testbed.chaos.agent_run import AgentRun
from testbed.chaos.outages import Outage
from testbed.emulator.settings import SettingsFields

LIMITED_LEASE: Final = 240
LIMITED_FOR: Final = 60.0
LIMITED_WATCHED: Final = 300.0
"""Seconds, all three. OpenAI's limit refills in a minute, so a lease has to be longer than that."""


def delete_accounts(agent_run: AgentRun) -> None:
    """Delete the agent's accounts as somebody in OpenAI's console would; Vault knows nothing."""
    for account in agent_run.site.accounts():
        agent_run.site.servers.openai.delete_account(account)


def behaving(**settings: Unpack[SettingsFields]) -> Outage:
    """Return what lets OpenAI behave so meanwhile."""

    @contextmanager
    def behave(agent_run: AgentRun) -> Iterator[None]:
        openai = agent_run.site.servers.openai
        openai.configure(**settings)
        try:
            yield
        finally:
            openai.configure()

    return behave


def limit_mints(agent_run: AgentRun) -> None:
    """Refuse the next mint, and all others for a minute from then on, with a 429."""
    openai = agent_run.site.servers.openai
    openai.configure(requests_per_minute={"service_account.create": 0})
    deadline = time.monotonic() + LIMITED_LEASE
    while not openai.state()["answers"]["service_account.create"].get("429"):
        if time.monotonic() > deadline:
            break  # the agent lives on without a key, and the figures say so
        agent_run.wait(1)
    agent_run.wait(LIMITED_FOR)
    openai.configure()
