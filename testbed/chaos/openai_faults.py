"""What happens at OpenAI."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from typing import Final, Unpack

from testbed.chaos.agent_run import AgentRun
from testbed.chaos.outages import Outage
from testbed.emulator.errors import ErrorName
from testbed.emulator.settings import SettingsFields

LIMITED_LEASE: Final = 240
LIMITED_FOR: Final = 60.0
LIMITED_WATCHED: Final = 300.0
"""Seconds, all three. OpenAI's limit refills in a minute, so a lease has to be longer than that."""

SERVER_ERRORS: Final[tuple[ErrorName, ...]] = ("server_error", "unavailable")
TURN: Final = 0.5
"""Seconds, less than between most attempts of an agent."""


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


@contextmanager
def failing(agent_run: AgentRun) -> Iterator[None]:
    """Let the organization API answer 500 and 503 meanwhile, in turns."""
    openai = agent_run.site.servers.openai
    ended = threading.Event()

    def alternate() -> None:
        for error in errors:
            if ended.wait(TURN):
                return
            openai.configure(errors={"organization": error})

    errors = cycle(SERVER_ERRORS)
    openai.configure(errors={"organization": next(errors)})
    with ThreadPoolExecutor(1) as threads:
        turns = threads.submit(alternate)
        try:
            yield
        finally:
            ended.set()
            turns.result()
            openai.configure()


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
