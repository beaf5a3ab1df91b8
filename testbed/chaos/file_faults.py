"""What happens to the key file, its directory, and the configuration."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from testbed.chaos.agent_run import AgentRun
from testbed.chaos.subjects import Freshkey
from testbed.mounting import remount, small_disk

DISK: Final = "64k"


@contextmanager
def own_disk(agent_run: AgentRun) -> Iterator[None]:
    """Keep the key on a small tmpfs of its own."""
    directory = agent_run.site.key_file.parent
    directory.mkdir()
    with small_disk(directory, DISK):
        yield


@contextmanager
def disk_with_state(agent_run: AgentRun) -> Iterator[None]:
    """Keep the key and Freshkey's state on one small tmpfs, as `/run` is one for both by default.

    Vault Agent has no state.
    """
    if isinstance(agent_run.subject, Freshkey):
        text = agent_run.configuration.read_text()
        state = f"{agent_run.site.key_file.parent.name}/state"
        agent_run.configuration.write_text(
            text.replace('directory = "state"', f'directory = "{state}"', 1)
        )
    with own_disk(agent_run):
        yield


@contextmanager
def full(agent_run: AgentRun) -> Iterator[None]:
    """Leave no room on the key's disk meanwhile."""
    filler = agent_run.site.key_file.with_name("filler")
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 512)
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def read_only(agent_run: AgentRun) -> Iterator[None]:
    """Let the key's directory take nothing meanwhile."""
    directory = agent_run.site.key_file.parent
    remount(directory, "ro")
    try:
        yield
    finally:
        remount(directory, "rw")


def remove_directory(agent_run: AgentRun) -> None:
    """Remove the key file with its directory."""
    shutil.rmtree(agent_run.site.key_file.parent)


def delete_file(agent_run: AgentRun) -> None:
    """Remove the key file."""
    agent_run.site.key_file.unlink()


def overwrite_file(agent_run: AgentRun) -> None:
    """Write something else into the key file, as another program with the same path would."""
    file = agent_run.site.key_file
    mode = file.stat().st_mode
    file.chmod(0o640)
    file.write_text("sk-of-somebody-else")
    file.chmod(mode)


def break_configuration(agent_run: AgentRun) -> None:
    """Write a configuration that has a fault, and have it read."""
    new = agent_run.configuration.with_name("edited")
    new.touch(mode=0o600)
    new.write_text("this is = = no configuration {")
    new.replace(agent_run.configuration)
    agent_run.hang_up()
