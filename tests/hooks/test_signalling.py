"""Real processes are signalled, and only those that were meant."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from freshkey.hooks.errors import HookError
from freshkey.hooks.signalling import signal_pid_file, signal_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HUP = signal.SIGHUP
STRANGER = 4_000_001
# Tells of the first HUP by its status. It takes it in turn with its parent, who reads "ready".
RECEIVER = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
if len(sys.argv) > 1:
    os.setuid(int(sys.argv[1]))
print("ready", flush=True)
sys.exit(0 if signal.sigtimedwait([signal.SIGHUP], 60) else 1)
"""


@contextmanager
def receiver(*user: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that ends with status 0 at a HUP."""
    command = [sys.executable, "-c", RECEIVER, *user]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def refusal(path: Path) -> str:
    with pytest.raises(HookError) as caught:
        signal_pid_file(path, HUP)
    return str(caught.value)


@pytest.fixture
def pid_file(tmpfs_path: Path) -> Path:
    path = tmpfs_path / "pid"
    path.touch(0o644)
    return path


@pytest.mark.parametrize("text", ["{}", " {}\n", "{}\n/var/lib/postgresql\n5432\n"])
def test_the_process_in_a_file(pid_file: Path, text: str) -> None:
    with receiver() as process:
        pid_file.write_text(text.format(process.pid))
        assert signal_pid_file(pid_file, HUP) == process.pid
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "-4711", "x", "12a", "007", "\uff11\uff12", "9" * 80]
)
def test_a_file_without_a_process(pid_file: Path, text: str) -> None:
    pid_file.write_text(text)
    assert refusal(pid_file) == (
        f"{pid_file} holds no process id: name the file that the process writes"
    )


def test_processes_that_are_never_meant(pid_file: Path) -> None:
    pid_file.write_text("1\n")
    message = "process 1 is the first process, which is not signalled: name another"
    assert refusal(pid_file) == message
    pid_file.write_text(str(os.getpid()))
    message = f"process {os.getpid()} is the agent itself, which is not signalled: name another"
    assert refusal(pid_file) == message


def test_a_process_that_has_ended(pid_file: Path) -> None:
    with receiver() as process:
        process.kill()
        process.wait()
    pid_file.write_text(str(process.pid))
    assert refusal(pid_file) == f"there is no process {process.pid} any more: is it starting?"
    pid_file.write_text("9999999999")
    assert refusal(pid_file).startswith("process 9999999999 can't be pinned")


def test_what_is_no_file(tmpfs_path: Path) -> None:
    os.mkfifo(tmpfs_path / "pipe")
    assert refusal(tmpfs_path / "missing") == (
        f"{tmpfs_path}/missing is not there: does the process run?"
    )
    for name in ("pipe", "."):
        assert refusal(tmpfs_path / name).startswith(str(tmpfs_path / name))


def test_a_process_that_takes_the_number_of_another(
    pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one in the file ends, its number is given to another, and its successor is written."""
    with receiver() as bystander, receiver() as successor:
        pid_file.write_text(str(bystander.pid))  # as it was when the number was still the other's
        opened = os.pidfd_open

        def after_the_restart(pid: int) -> int:
            pid_file.write_text(str(successor.pid))
            return opened(pid)

        monkeypatch.setattr(os, "pidfd_open", after_the_restart)
        assert refusal(pid_file) == f"{pid_file} has changed meanwhile: this is tried again"
        monkeypatch.undo()
        assert signal_pid_file(pid_file, HUP) == successor.pid
        assert successor.wait(60) == 0
        assert bystander.poll() is None


def test_a_number_that_is_given_away_after_the_pin(
    pid_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is pinned stays what it is: another process with its number gets nothing."""
    with receiver() as meant:
        pid_file.write_text(str(meant.pid))
        send = signal.pidfd_send_signal

        def after_its_end(process: int, number: int) -> None:
            meant.kill()
            meant.wait()
            send(process, number)

        monkeypatch.setattr(signal, "pidfd_send_signal", after_its_end)
        assert refusal(pid_file) == f"process {meant.pid} has ended: is it starting anew?"


def test_a_file_that_everybody_can_write(pid_file: Path) -> None:
    with receiver() as process:
        pid_file.write_text(str(process.pid))
        pid_file.chmod(0o666)
        assert refusal(pid_file) == (
            f"{pid_file} can be written by every user: leave it to root, the agent's user, or the "
            "user of the process"
        )
        assert process.poll() is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as another user")
def test_a_file_of_the_process_s_own_user(pid_file: Path) -> None:
    os.chown(pid_file, STRANGER, 0)
    with receiver() as process:
        pid_file.write_text(str(process.pid))
        assert refusal(pid_file).startswith(
            f"{pid_file} can be written by its owner, user {STRANGER}: "
        ), "a user has a process of root's signalled"
        assert process.poll() is None
    with receiver(str(STRANGER)) as process:
        pid_file.write_text(str(process.pid))
        assert signal_pid_file(pid_file, HUP) == process.pid
        assert process.wait(60) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_process_that_may_not_be_signalled(pid_file: Path) -> None:
    with receiver() as process:
        pid_file.write_text(str(process.pid))
        pid_file.parent.chmod(0o755)
        os.setresuid(STRANGER, STRANGER, 0)
        try:
            message = refusal(pid_file)
        finally:
            os.setresuid(0, 0, 0)
        assert message.startswith(f"process {process.pid} may not be signalled by user id ")
        assert process.poll() is None


@pytest.fixture
def systemd(
    script: Callable[..., Path], tmpfs_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Put answers of `systemctl show` in place, one for each time it is asked; the last stays."""

    def answer(*lines: str, status: int = 0) -> None:
        for number, line in enumerate(lines):
            (tmpfs_path / f"answer{number}").write_text(f"{line}\n")
        script(
            f'cd {tmpfs_path}; echo "$@" >> asked; n=$(($(wc -l < asked) - 1))\n'
            f"[ -e answer$n ] || n={len(lines) - 1}; cat answer$n; exit {status}",
            "systemctl",
        )
        monkeypatch.setenv("PATH", f"{tmpfs_path}:{os.defpath}")

    return answer


async def test_the_main_process_of_a_service(
    systemd: Callable[..., None], tmpfs_path: Path
) -> None:
    with receiver() as process:
        systemd(str(process.pid))
        assert await signal_unit("billing.service", HUP, 30) == process.pid
        assert process.wait(60) == 0
    asked = (tmpfs_path / "asked").read_text().splitlines()
    assert asked == ["show --property=MainPID --value -- billing.service"] * 2


async def test_a_service_that_is_restarted_meanwhile(systemd: Callable[..., None]) -> None:
    with receiver() as bystander:
        systemd(str(bystander.pid), "4711")
        with pytest.raises(HookError, match=r"^billing\.service was restarted meanwhile: "):
            await signal_unit("billing.service", HUP, 30)
        assert bystander.poll() is None


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("0", 0, "billing.service has no main process: does it run?"),
        ("", 0, "billing.service has no main process: does it run?"),
        (
            "Failed to connect to bus",
            1,
            "systemctl does not tell the main process of billing.service: Failed to connect to bus",
        ),
    ],
)
async def test_a_service_without_a_main_process(
    systemd: Callable[..., None], line: str, status: int, message: str
) -> None:
    systemd(line, status=status)
    with pytest.raises(HookError) as caught:
        await signal_unit("billing.service", HUP, 30)
    assert str(caught.value) == message
