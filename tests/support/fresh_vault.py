"""A Vault in which nothing is set up but what `freshkey policy --setup` prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from testbed.emulator.organization import ADMIN_API_KEY, ADMIN_API_KEY_ID
from tests.agent.harness import Agent
from tests.support.documented import run_commands

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer
    from testbed.vault import VaultServer


def configure_agent(
    directory: Path, vault: str, openai: OpenAIServer, auth: str, more: str = ""
) -> Agent:
    """Return an agent whose credentials, and all else, are in its directory."""
    agent = Agent(directory)
    agent.config.write_text(f"""
[vault]
address = "{vault}"
{more}
[auth]
{auth}
[state]
directory = "state"
[server]
socket = "freshkey.sock"
[keys.billing]
path = "openai/creds/billing"
[keys.billing.verify]
base_url = "{openai.base_url}"
[[keys.billing.files]]
path = "keys/billing"
""")
    agent.config.chmod(0o600)
    return agent


def initialized_agent(directory: Path, vault: str, openai: OpenAIServer, *options: str) -> Agent:
    """Return an agent with the configuration that `freshkey init` writes.

    What is only so in a test is added: places in its directory, and the emulator.
    """
    agent = Agent(directory)
    path = ("--path", "openai/creds/billing")
    done = agent.command("init", "--address", vault, *path, *options)
    assert (done.returncode, done.stderr) == (0, "")
    text = agent.config.read_text().replace("/run/freshkey/keys", "keys")
    own = f"""
[keys.billing.verify]
base_url = "{openai.base_url}"
[state]
directory = "state"
[server]
socket = "freshkey.sock"
"""
    agent.config.write_text(text + own)
    return agent


def operator_fills_in(openai: OpenAIServer) -> dict[str, str]:
    """Return what stands in `<…>` in the printed commands, and what an operator knows of it."""
    return {
        "<ADMIN_KEY_ID>": ADMIN_API_KEY_ID,
        "<ORGANIZATION_ID>": "org-emulator",
        "<PROJECT_ID>": openai.create_project("fresh"),
    }


def run_setup(
    agent: Agent, vault: VaultServer, openai: OpenAIServer, changes: Mapping[str, str] | None = None
) -> None:
    """Run what the agent's configuration prints, with `changes` of what an operator fills in."""
    printed = agent.command("policy", "--setup")
    assert (printed.returncode, printed.stderr) == (0, "")
    known = operator_fills_in(openai) | dict(changes or {})
    for name, value in known.items():
        printed.stdout = printed.stdout.replace(name, value)
    commands = printed.stdout
    unfilled = [line for line in commands.splitlines() if not line.startswith("#")]
    assert not re.search(r"""["']@?<""", "\n".join(unfilled)), commands
    run_commands(vault, commands, agent.directory, OPENAI_ADMIN_KEY=ADMIN_API_KEY)


def assert_check_passes(agent: Agent) -> None:
    """Assert that the online check finds nothing to say."""
    done = agent.command("check", "--online")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.endswith("no faults, no warnings\n"), done.stdout


def assert_key_is_minted(agent: Agent) -> None:
    """Assert that the agent starts and gets a key, and end it."""
    agent.start()
    try:
        assert agent.wait_for_key()["generation"] == 1
        assert agent.end() == 0
    finally:
        agent.close()
