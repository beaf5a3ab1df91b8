"""docs/migrating.md: the real Vault Agent, and the agent that takes its place, side by side."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from testbed.binaries import VAULT, binary
from testbed.process import ServerProcess
from tests.agent.harness import Agent, configuration, eventually
from tests.docs.pages import commands, tables

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.site import Site

RELOAD = '#!/bin/sh\necho "$@" >> {told}\n'


def vault_agents(site: Site, directory: Path) -> str:
    """Its configuration, with other places, another address, and another mount of AppRole."""
    for name in ("role_id", "secret_id"):
        (directory / name).write_text(getattr(site.engine, name))
    text = commands("vault-agent")
    for old, new in (
        ("https://vault.example:8200", site.engine.vault.address),
        ("openai/creds/billing", site.engine.path),
        ("/etc/vault-agent", str(directory)),
        ("/run/billing", str(directory)),
        ("    config = {", f'    mount_path = "auth/{site.engine.mount}"\n    config = {{'),
    ):
        assert old in text
        text = text.replace(old, new)
    return text


def ours(site: Site, directory: Path) -> str:
    """Our configuration, with the same changes, and such as make a test short."""
    (text,) = tables("migrating.md")
    for old, new in (
        ("https://vault.example:8200", site.engine.vault.address),
        ("[auth]", f'[auth]\nmount = "{site.engine.mount}"'),
        ('path = "openai/creds/billing"', f'path = "{site.engine.path}"\ncheck_every = "1s"'),
        ("/etc/freshkey", str(directory)),
        ("/run/credentials/freshkey.service", str(directory)),
        ("/run/freshkey", str(directory)),
    ):
        assert old in text
        text = text.replace(old, new)
    rest = configuration(site.engine, "")
    tests_own = re.findall(r"\[(?:state|server|keys.billing.verify)\]\n(?:\w+ = .*\n)+", rest)
    assert len(tests_own) == 3
    return f"{text}\n{''.join(tests_own)}"


def test_both_write_the_same_file(site: Site, tmp_path: Path) -> None:
    directory = site.agent.directory
    old = directory / "vault-agent"
    old.mkdir()
    told = tmp_path / "told"
    site.program("systemctl", RELOAD.format(told=told))
    (old / "agent.hcl").write_text(vault_agents(site, old))
    (directory / "config.toml").write_text(ours(site, directory))
    command = [str(binary(VAULT)), "agent", f"-config={old}/agent.hcl"]
    theirs = ServerProcess(command, log=tmp_path / "vault-agent.log", environment=site.variables)
    agent = Agent(directory, {"PATH": site.variables["PATH"]})
    try:
        rendered = eventually(lambda: content(old / "openai.env"), "Vault Agent's file")
        agent.start()
        first = agent.wait_for_key()["tag"]
        written = directory / "keys" / "openai.env"
        assert form(written.read_text()) == form(rendered)
        eventually(lambda: content(told) == "reload billing\n" or None, "Vault Agent's command")
        theirs.stop()
        told.unlink()
        site.run(commands("revoke-all"))
        agent.wait_for_key(other_than=first)
        eventually(lambda: content(told) == "reload billing\n" or None, "the hook")
        assert site.engine.works(written.read_text().strip().removeprefix("OPENAI_API_KEY="))
    finally:
        theirs.stop()
        agent.close()


def content(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def form(text: str) -> str:
    """A file without its key."""
    return re.sub(r"sk-[\w-]+", "KEY", text)
