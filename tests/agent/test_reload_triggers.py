"""What makes an agent reload, and what systemd is told of it."""

from __future__ import annotations

import shutil
import socket
import time
from typing import TYPE_CHECKING

from tests.agent.harness import eventually
from tests.agent.reconfiguring import change, reload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.agent.harness import Agent


def test_a_change_of_the_file_is_enough(reloadable: Agent) -> None:
    change(reloadable, 'overlap = "1s"', 'overlap = "3s"')
    (told,) = eventually(lambda: reloadable.logged("reload.begun"), "the change")
    assert told["changed"] == ["billing"]
    eventually(lambda: reloadable.logged("reload.done"), "the reload")
    time.sleep(1.5)
    assert len(reloadable.told("reload.begun")) == 1, "one change is one reload"


def test_a_file_behind_links_as_in_a_config_map(
    make_agent: Callable[..., Agent], tmpfs_path: Path
) -> None:
    agent = make_agent()
    text = agent.config.read_text()
    mounted = tmpfs_path / "mounted"
    (mounted / "..first").mkdir(parents=True)
    (mounted / "..first" / "config.toml").write_text(text)
    (mounted / "..data").symlink_to("..first")
    agent.config.unlink()
    agent.config.symlink_to("mounted/config.toml")
    (mounted / "config.toml").symlink_to("..data/config.toml")
    shutil.copy(tmpfs_path / "secret_id", mounted / "secret_id")
    agent.start()
    agent.wait_for_key()
    (mounted / "..second").mkdir()
    (mounted / "..second" / "config.toml").write_text(f"# changed\n{text}")
    (mounted / "..new").symlink_to("..second")
    (mounted / "..new").replace(mounted / "..data")
    eventually(lambda: agent.logged("reload.done"), "the change is seen")
    assert agent.key() is not None


def test_the_protocol_of_notify_reload(make_agent: Callable[..., Agent], tmpfs_path: Path) -> None:
    """As systemd 253 wants it: RELOADING with the time, then READY (sd_notify(3))."""
    agent = make_agent()
    path = tmpfs_path / "notify"
    agent.environment["NOTIFY_SOCKET"] = str(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(10)

        def heard(wanted: str) -> list[str]:
            """Read until this is said; what else was said in the same breath is returned, too."""
            while True:
                said = channel.recv(4096).decode().splitlines()
                if wanted in said:
                    return said

        agent.start()
        heard("READY=1")
        for old, event in ((None, "reload.done"), ("[vault]", "reload.refused")):
            if old is not None:
                change(agent, old, "[nonsense")
            asked = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            reload(agent, event)
            _, at = heard("RELOADING=1")
            assert asked <= int(at.removeprefix("MONOTONIC_USEC=")) <= asked + 10_000_000
            heard("READY=1")
