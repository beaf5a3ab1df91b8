from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.agent.harness import Agent, Engine, configuration
from tests.apps.crowd import Crowd
from tests.apps.page import programs
from tests.apps.site import KEYS, TTL, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testbed.emulator.process import OpenAIServer
    from testbed.vault import VaultServer

MOUNT: Final = "openai-apps"
_PATIENCE: Final = 150  # seconds for them: usual is 20
_PAUSE: Final = 0.3  # seconds between two rounds


@pytest.fixture(scope="session")
def site(vault: VaultServer, openai_server: OpenAIServer) -> Iterator[Site]:
    """An agent whose one key, `billing`, lives for seconds."""
    project_id = openai_server.create_project(MOUNT)
    vault.enable_openai(MOUNT, openai_server.base_url)
    vault.write_policy(
        MOUNT,
        f'path "{MOUNT}/creds/billing" {{ capabilities = ["read"] }}\n'
        f'path "sys/leases/revoke/{MOUNT}/creds/billing/*" {{ capabilities = ["update"] }}',
    )
    role_id, secret_id = vault.approle(MOUNT, [MOUNT], token_ttl="1h")
    engine = Engine(vault, openai_server, MOUNT, project_id, role_id, secret_id)
    engine.set_ttl(f"{TTL}s")
    directory = Path(tempfile.mkdtemp(prefix="freshkey-", dir="/dev/shm"))
    (directory / "secret_id").write_text(secret_id)
    agent = Agent(directory)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    more = f"""
[keys.billing.credential]
socket = "billing.cred"
[gateway]
socket = "openai.sock"
tcp = "127.0.0.1:{port}"
upstream = "{openai_server.base_url}"
[[gateway.clients]]
user = "{os.geteuid()}"
"""
    text = configuration(engine, vault.address, more, overlap='"2s"')
    text = text.replace("[auth]", f'[auth]\nmount = "{MOUNT}"', 1)
    agent.config.write_text(text.replace("[vault]", "[vault]\nmax_mints_per_minute = 0", 1))
    agent.start()
    try:
        agent.wait_for_key()
        yield Site(engine, agent, f"http://127.0.0.1:{port}/v1")
    finally:
        agent.close()
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def crowd(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """Every program of the pages, after it has used so many keys and ended."""
    able = [program for program in programs() if not program.missing()]
    end = time.monotonic() + _PATIENCE
    with Crowd(able, site, tmp_path_factory.mktemp("apps")) as crowd:
        while time.monotonic() < end and not crowd.ended():
            crowd.round()
            counted = site.counted()
            if all(p.model in counted and counted[p.model].keys >= KEYS for p in able):
                break
            time.sleep(_PAUSE)
    return crowd
