from __future__ import annotations

import http.server
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.agent.harness import Agent, Engine


def failed_once(agent: Agent) -> str:
    """Run `once` in vain, and return its one line on stderr that is not a log event."""
    done = agent.command("once", "--timeout", "5s")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_five_faults_are_five_lines(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent(overlap='"soon"', renew_at="1.5", colour='"red"', mode='"x"')
    text = agent.config.read_text().replace(
        'path = "keys/billing"', 'path = "keys/billing"\nmode = 440'
    )
    agent.config.write_text(text)
    for command in ("check", "run", "once"):
        done = agent.command(command)
        assert done.returncode == 2
        lines = done.stderr.splitlines() or done.stdout.splitlines()
        assert len([line for line in lines if line.strip()]) == 5, done.stderr


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_secret_id_file_missing_or_empty(
    make_agent: Callable[..., Agent], content: str | None
) -> None:
    agent = make_agent()
    file = agent.directory / "secret_id"
    file.unlink()
    if content is not None:
        file.write_text(content)
    assert str(file) in failed_once(agent)


def test_address_that_is_not_vault(make_agent: Callable[..., Agent], website: str) -> None:
    assert "not as Vault" in failed_once(make_agent(address=website))


def test_nobody_at_the_address(make_agent: Callable[..., Agent]) -> None:
    assert "127.0.0.1:9" in failed_once(make_agent(address="http://127.0.0.1:9"))


def test_a_vault_that_never_answers(make_agent: Callable[..., Agent]) -> None:
    """Connections are accepted by the kernel, as those of a Vault that stands still."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = make_agent(address=address).command("once", "--timeout", "1s")
    assert done.returncode == 1
    line = f"no key within 1 s: Vault at {address} has not answered the login yet"
    assert done.stderr.splitlines()[-1] == f"freshkey: keys.billing: {line}"


def test_a_mint_that_a_stop_cuts_off_is_told_as_what_was_waited_for(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    engine.openai.configure(delay_after={"service_account.create": 6})
    done = make_agent(stop_grace='"1s"').command("once", "--timeout", "1s")
    assert done.returncode == 1
    line = f"no key within 1 s: Vault at {engine.vault.address} has not answered the mint yet"
    assert done.stderr.splitlines()[-1] == f"freshkey: keys.billing: {line}"


def test_path_without_the_field(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    line = failed_once(make_agent(field='"password"'))
    assert "password" in line
    assert "api_key_id" in line
    eventually(lambda: engine.counts()["live"] == 0, "the useless lease is revoked")


def test_role_that_does_not_exist(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    engine.vault.request("DELETE", f"{engine.mount}/roles/billing")
    assert 'role "billing" does not exist' in failed_once(agent)


def test_policy_that_forbids(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    engine.vault.write_policy(engine.mount, 'path "nothing" { capabilities = ["read"] }')
    line = failed_once(make_agent())
    assert engine.path in line
    assert "read" in line


def test_directory_on_disk(make_agent: Callable[..., Agent], tmp_path: Path) -> None:
    agent = make_agent()
    text = agent.config.read_text().replace("keys/billing", str(tmp_path / "billing"))
    agent.config.write_text(text)
    done = agent.command("run")
    assert done.returncode == 2
    assert done.stderr.startswith("keys.billing.files[0].path: is not on tmpfs")


def test_directory_that_is_full(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    full = agent.directory / "keys"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=2", "tmpfs", str(full)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a tmpfs needs root")
    try:
        (full / "filler").write_bytes(b"x" * 4096)
        agent.start()
        key = agent.wait_for_key()
        fault = eventually(lambda: agent.logged("key.file_failed"), "the full directory is told")[0]
        assert str(agent.key_file) in fault["message"]
        (full / "filler").unlink()
        eventually(agent.key_file.exists, "the file is written once there is room")
        assert agent.key_file.read_text() == key["key"]
        agent.end()
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_missing_directory_is_made(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    done = agent.command("once")
    assert done.returncode == 0, done.stderr
    assert agent.key_file.parent.stat().st_mode & 0o777 == 0o751


def test_socket_of_a_live_agent(make_agent: Callable[..., Agent], engine: Engine) -> None:
    agent = make_agent()
    agent.start()
    first = agent.wait_for_key()
    text = agent.config.read_text().replace('directory = "state"', 'directory = "other"')
    agent.config.write_text(text)
    second = agent.command("run")
    assert second.returncode == 1
    assert str(agent.directory / "freshkey.sock") in second.stderr
    assert agent.wait_for_key()["tag"] == first["tag"]
    assert engine.counts()["mints"] == 1


@pytest.fixture
def website() -> Iterator[str]:
    class WebPageHandler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<h1>Welcome</h1>")

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), WebPageHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
