"""How many keys are minted for many reads, and how many live after many restarts."""

from __future__ import annotations

import http.client
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.answer import ask
from bench.figures.figure import Figure
from bench.figures.starts import PEER, freshkey, vault_agent
from bench.nginx import free_port, listens
from bench.program import Program
from bench.start import until_key_file

if TYPE_CHECKING:
    from pathlib import Path

    from bench.deployment import Deployment

READS: Final = 100
RESTARTS: Final = 20
LISTENER: Final = """
api_proxy {{ use_auto_auth_token = true }}
{cache}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_disable = true
}}
"""
"""https://developer.hashicorp.com/vault/docs/agent-and-proxy/agent/caching"""
SECRET: Final = "/v1/openai/creds/billing"  # noqa: S105 - a path


class Found(NamedTuple):
    """Keys that were minted for READS reads, and those alive after RESTARTS restarts."""

    freshkey: int
    listener: int
    """Vault Agent's, which passes requests on."""
    cache: int
    """The same with `cache`."""
    alive: int
    vault_agent_alive: int


def measure(deployment: Deployment, programs: Path) -> Found:
    """Read, restart, and ask OpenAI's emulator for the counts."""
    return Found(
        _mints_of_freshkey(deployment, programs),
        _mints_of_listener(deployment, "listener", ""),
        _mints_of_listener(deployment, "cache", "cache {}"),
        _alive(deployment, deployment.freshkey("restarts"), programs),
        _alive(deployment, deployment.vault_agent("restarts-peer"), None),
    )


def _mints_of_freshkey(deployment: Deployment, programs: Path) -> int:
    directory = deployment.freshkey("reads")
    before = _mints(deployment)
    with Program(freshkey(programs, directory), directory / "log") as program:
        program.until(lambda: ask(directory / "freshkey.sock"))
        for _ in range(READS):
            if ask(directory / "freshkey.sock") is None:
                raise RuntimeError("a read got no key")
    return _mints(deployment) - before


def _mints_of_listener(deployment: Deployment, name: str, cache: str) -> int:
    """Read through Vault Agent's listener; the key that its template mints is left out."""
    port = free_port()
    directory = deployment.vault_agent(name, LISTENER.format(port=port, cache=cache))
    with Program(vault_agent(directory), directory / "log") as program:
        until_key_file(program, directory)
        program.until(lambda: listens(port))
        before = _mints(deployment)
        for _ in range(READS):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", SECRET, headers={"X-Vault-Request": "true"})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            if answer.status != http.HTTPStatus.OK:
                raise RuntimeError(f"{name}: a read was answered {answer.status}")
        return _mints(deployment) - before


def _alive(deployment: Deployment, directory: Path, programs: Path | None) -> int:
    """Start an agent, and stop it as a service manager does, again and again; count what lives."""
    command = vault_agent(directory) if programs is None else freshkey(programs, directory)
    before = _live(deployment)
    for _ in range(1 + RESTARTS):
        # Its old file must not count as the new one.
        with suppress(FileNotFoundError):
            (directory / "keys" / "billing").unlink()
        with Program(command, directory / "log") as program:
            until_key_file(program, directory)
            program.signal(signal.SIGTERM)
    return _live(deployment) - before


def _mints(deployment: Deployment) -> int:
    return deployment.openai.state()["overall"]["mints"]


def _live(deployment: Deployment) -> int:
    return deployment.openai.state()["overall"]["live"]


def figures(found: Found) -> list[Figure]:
    """Return a line for each count."""
    reads = f"keys minted for {READS} reads"
    return [
        Figure(
            "mints",
            f"{reads} through the socket",
            "",
            [found.freshkey],
            f"{PEER}'s listener",
            [found.listener],
            at_most=1,
            of_ours=True,
        ),
        Figure(
            "mints-cache",
            f"{reads}, the peer with `cache`",
            "",
            [found.freshkey],
            f"{PEER}'s listener",
            [found.cache],
        ),
        Figure(
            "alive",
            f"keys alive after {RESTARTS} restarts",
            "",
            [found.alive],
            PEER,
            [found.vault_agent_alive],
            at_most=1,
            of_ours=True,
        ),
    ]
