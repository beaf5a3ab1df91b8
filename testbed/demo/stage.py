"""Sets the parts up, one after the other, and takes them down in the opposite order."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from testbed.demo.agent import KEY, Agent
from testbed.demo.consumer import FILE, OLD, SOCKET, Consumer
from testbed.demo.errors import DemoError
from testbed.demo.place import Place
from testbed.emulator.process import OpenAIServer
from testbed.vault import VaultServer

CONFIG: Final = Path(__file__).resolve().parents[2] / "configs" / "demo.toml"
BASE_URL: Final = "http://127.0.0.1:8080/v1"
"""Stands in the configuration for the emulator's, which takes a free port."""

LEASE: Final = 20
"""Seconds."""

POLICY: Final = f"""\
path "openai/creds/{KEY}"                     {{ capabilities = ["read"] }}
path "sys/leases/revoke/openai/creds/{KEY}/*" {{ capabilities = ["update"] }}
"""
"""What the agent needs beside Vault's policy `default`, which lets it look after its token."""

Tell = Callable[[str, str], None]
"""Told what was started, and a line about it."""


@dataclass(frozen=True)
class Stage:
    """All parts, running."""

    openai: OpenAIServer
    vault: VaultServer
    agent: Agent
    consumers: tuple[Consumer, ...]


@contextmanager
def stage(place: Place, tell: Tell, stopping: Callable[[], bool]) -> Iterator[Stage]:
    """Start the parts, the consumers once there is a key; stop them at the end.

    Raises Interrupted when `stopping` turned true before that, and DemoError, StartError,
    BinaryError, EmulatorError, VaultError, or OSError when a part can't be started.
    """
    with ExitStack() as parts:
        openai = parts.enter_context(OpenAIServer())
        tell("OpenAI", f"the emulator answers at {openai.base_url}")
        vault = parts.enter_context(VaultServer())
        parts.callback(shutil.copy, vault.process.log, place.logs / "vault.log")
        tell("Vault", f"a real one, in development mode, at {vault.address}")
        role_id, secret_id = _prepare(vault, openai.base_url)
        tell("engine", f"openai/ with the role {KEY}, whose keys live {LEASE} s")
        tell("login", "an AppRole that may read openai/creds/demo and revoke what it got")
        _configure(place.directory, openai.base_url, role_id, secret_id)
        agent = parts.enter_context(Agent(place.directory, place.logs, vault.address))
        tell("agent", f"freshkey run --config {place.directory / CONFIG.name}")
        first = agent.first_key(stopping)
        tell("first key", f"{first.tag}, in keys/{KEY} and on freshkey.sock")
        consumers = tuple(
            parts.enter_context(Consumer(kind, argument, openai.base_url, place.logs))
            for kind, argument in (
                (FILE, agent.key_file),
                (SOCKET, agent.socket),
                (OLD, agent.key_file),
            )
        )
        tell("consumers", "three applications that use the official openai package")
        for consumer in consumers:
            consumer.first_request(stopping)
        yield Stage(openai, vault, agent, consumers)


def _prepare(vault: VaultServer, base_url: str) -> tuple[str, str]:
    """Do what an operator does once; return the agent's role_id and secret_id."""
    vault.enable_openai("openai", base_url)
    vault.write_role("openai", KEY, ttl=LEASE, max_ttl="1h")
    vault.write_policy("freshkey-demo", POLICY)
    return vault.approle("approle", ["freshkey-demo"], token_ttl="1m")  # noqa: S106 - no password


def _configure(directory: Path, base_url: str, role_id: str, secret_id: str) -> None:
    """Put the configuration and the credentials that it names into the directory."""
    text = CONFIG.read_text()
    if text.count(f'"{BASE_URL}"') != 1:
        raise DemoError(f'{CONFIG} must hold "{BASE_URL}" once, for the emulator\'s address')
    for name, content in (
        (CONFIG.name, text.replace(BASE_URL, base_url)),
        ("role_id", role_id),
        ("secret_id", secret_id),
    ):
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(content)
