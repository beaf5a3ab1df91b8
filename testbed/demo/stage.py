"""Sets the parts up, one after the other, and takes them down in the opposite order."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from testbed.demo.agent import KEY, Agent
from testbed.demo.consumer import FILE, OLD, REPORTER, SOCKET, Consumer, Kind
from testbed.demo.errors import DemoError
from testbed.demo.place import Place
from testbed.emulator.process import OpenAIServer
from testbed.vault import VaultServer

CONFIGS: Final = Path(__file__).resolve().parents[2] / "configs"
BASE_URL: Final = "http://127.0.0.1:8080/v1"
"""Stands in the configuration for the emulator's, which takes a free port."""

UNPROBED: Final = "unprobed"
"""The key of the story that only its reader watches."""

MOUNT: Final = "openai"
MAX_TTL: Final = "1h"

POLICY: Final = f"""\
path "{MOUNT}/creds/{KEY}"                     {{ capabilities = ["read"] }}
path "sys/leases/revoke/{MOUNT}/creds/{KEY}/*" {{ capabilities = ["update"] }}
"""
"""What the agent needs beside Vault's policy `default`, which lets it look after its token."""

Tell = Callable[[str, str], None]
"""Told what was started, and a line about it."""


@dataclass(frozen=True)
class Setting:
    """What differs between the demo and the story; `lease` is in seconds."""

    configuration: Path
    keys: tuple[str, ...]
    lease: int
    token_ttl: str
    consumers: tuple[Kind, ...]


DEMO: Final = Setting(CONFIGS / "demo.toml", (KEY,), 20, "1m", (FILE, SOCKET, OLD))
STORY: Final = Setting(CONFIGS / "story.toml", (KEY, UNPROBED), 60, "1h", (FILE, SOCKET, REPORTER))


@dataclass(frozen=True)
class Stage:
    """All parts, running."""

    openai: OpenAIServer
    vault: VaultServer
    agent: Agent
    consumers: tuple[Consumer, ...]


@contextmanager
def stage(
    place: Place, tell: Tell, stopping: Callable[[], bool], setting: Setting = DEMO
) -> Iterator[Stage]:
    """Start the parts, the consumers once there are keys; stop them at the end.

    Raises Interrupted when `stopping` turned true before that, and DemoError, StartError,
    BinaryError, EmulatorError, VaultError, or OSError when a part can't be started.
    """
    with ExitStack() as parts:
        openai = parts.enter_context(OpenAIServer())
        tell("OpenAI", f"the emulator answers at {openai.base_url}")
        vault = parts.enter_context(VaultServer())
        parts.callback(shutil.copy, vault.process.log, place.logs / "vault.log")
        tell("Vault", f"a real one, in development mode, at {vault.address}")
        role_id, secret_id = _prepare(vault, openai.base_url, setting)
        tell("engine", f"{MOUNT}/ with the role {KEY}, whose keys live {setting.lease} s")
        tell("login", f"an AppRole that may read {MOUNT}/creds/{KEY} and revoke what it got")
        configuration = setting.configuration.name
        _configure(place.directory, setting.configuration, openai.base_url, role_id, secret_id)
        agent = parts.enter_context(
            Agent(place.directory, configuration, place.logs, vault.address)
        )
        tell("agent", f"freshkey run --config {place.directory / configuration}")
        for key in setting.keys:
            first = agent.first_key(stopping, key)
            tell("first key", f"{first.tag}, in keys/{key} and on {agent.socket.name}")
        consumers = tuple(
            parts.enter_context(
                Consumer(
                    kind,
                    agent.key_file() if kind.reads_file else agent.socket,
                    openai.base_url,
                    place.logs,
                )
            )
            for kind in setting.consumers
        )
        tell("consumers", "three applications that use the official openai package")
        for consumer in consumers:
            consumer.first_request(stopping)
        yield Stage(openai, vault, agent, consumers)


def _prepare(vault: VaultServer, base_url: str, setting: Setting) -> tuple[str, str]:
    """Do what an operator does once; return the agent's role_id and secret_id."""
    vault.enable_openai(MOUNT, base_url)
    vault.write_role(MOUNT, KEY, ttl=setting.lease, max_ttl=MAX_TTL)
    vault.write_policy("freshkey-demo", POLICY)
    return vault.approle("approle", ["freshkey-demo"], token_ttl=setting.token_ttl)


def _configure(
    directory: Path, configuration: Path, base_url: str, role_id: str, secret_id: str
) -> None:
    """Put the configuration and the credentials that it names into the directory."""
    text = configuration.read_text()
    if f'"{BASE_URL}"' not in text:
        raise DemoError(f'{configuration} must hold "{BASE_URL}", for the emulator\'s address')
    for name, content in (
        (configuration.name, text.replace(BASE_URL, base_url)),
        ("role_id", role_id),
        ("secret_id", secret_id),
    ):
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(content)
