"""Sets the parts up, one after the other, and takes them down in the opposite order."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from testbed.demo.agent import KEY, Agent
from testbed.demo.consumer import FILE, GATEWAY, OLD, REPORTER, SOCKET, Consumer, ConsumerKind
from testbed.demo.errors import DemoError
from testbed.demo.workdir import WorkDirectory
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

ReportProgress = Callable[[str, str], None]
"""Takes the name of the part that was started, and a line about it."""


@dataclass(frozen=True)
class Profile:
    """What differs between the demo and the story; `lease` is in seconds."""

    configuration: Path
    keys: tuple[str, ...]
    lease: int
    token_ttl: str
    consumers: tuple[ConsumerKind, ...]


DEMO: Final = Profile(CONFIGS / "demo.toml", (KEY,), 20, "1m", (FILE, SOCKET, OLD))
STORY: Final = Profile(
    CONFIGS / "story.toml", (KEY, UNPROBED), 60, "1h", (FILE, SOCKET, REPORTER, GATEWAY)
)


@dataclass(frozen=True)
class Environment:
    """All parts, running."""

    openai: OpenAIServer
    vault: VaultServer
    agent: Agent
    consumers: tuple[Consumer, ...]


@contextmanager
def running_environment(
    workdir: WorkDirectory,
    report_progress: ReportProgress,
    stopping: Callable[[], bool],
    profile: Profile = DEMO,
) -> Iterator[Environment]:
    """Start the parts, the consumers once there are keys; stop them at the end.

    Raises Interrupted when `stopping` turned true before that, and DemoError, StartError,
    BinaryError, EmulatorError, VaultError, or OSError when a part can't be started.
    """
    with ExitStack() as stack:
        openai = stack.enter_context(OpenAIServer())
        report_progress("OpenAI", f"the emulator answers at {openai.base_url}")
        vault = stack.enter_context(VaultServer())
        stack.callback(shutil.copy, vault.process.log, workdir.logs / "vault.log")
        report_progress("Vault", f"a real one, in development mode, at {vault.address}")
        role_id, secret_id = _configure_vault(vault, openai.base_url, profile)
        report_progress(
            "engine", f"{MOUNT}/ with the role {KEY}, whose keys live {profile.lease} s"
        )
        report_progress(
            "login", f"an AppRole that may read {MOUNT}/creds/{KEY} and revoke what it got"
        )
        configuration = profile.configuration.name
        _write_configuration(
            workdir.directory, profile.configuration, openai.base_url, role_id, secret_id
        )
        agent = stack.enter_context(
            Agent(workdir.directory, configuration, workdir.logs, vault.address)
        )
        report_progress("agent", f"freshkey run --config {workdir.directory / configuration}")
        for key in profile.keys:
            first = agent.wait_for_key(stopping, key)
            report_progress("first key", f"{first.tag}, in keys/{key} and on {agent.socket.name}")
        consumers = tuple(
            stack.enter_context(
                Consumer(
                    kind,
                    _source(kind, agent),
                    openai.base_url,
                    workdir.logs,
                )
            )
            for kind in profile.consumers
        )
        number = len(consumers)
        report_progress("consumers", f"{number} applications that use the official openai package")
        for consumer in consumers:
            consumer.first_request(stopping)
        yield Environment(openai, vault, agent, consumers)


def _source(kind: ConsumerKind, agent: Agent) -> Path:
    """Return what an application reads, or asks."""
    if kind.reads_file:
        return agent.key_file()
    return agent.socket if kind.holds_a_key else agent.gateway


def _configure_vault(vault: VaultServer, base_url: str, profile: Profile) -> tuple[str, str]:
    """Do what an operator does once; return the agent's role_id and secret_id."""
    vault.enable_openai(MOUNT, base_url)
    vault.write_role(MOUNT, KEY, ttl=profile.lease, max_ttl=MAX_TTL)
    vault.write_policy("freshkey-demo", POLICY)
    return vault.approle("approle", ["freshkey-demo"], token_ttl=profile.token_ttl)


def _write_configuration(
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
