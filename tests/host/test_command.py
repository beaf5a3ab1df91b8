"""Programs of others, run for real: badly behaved ones hold nothing up and tell nothing."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.secret import MASK, Secret
from freshkey.host import command as module
from freshkey.host.command import LONGEST, Ended, run_command
from freshkey.host.environment import clean_environment
from freshkey.logs.redact import add_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0  # seconds that nothing here may take; usual is well under one
SHELL = Path("/bin/sh")


async def run(text: str, seconds: float = PATIENCE, **variables: str) -> Ended:
    """Run a program for the shell."""
    with trio.fail_after(2 * PATIENCE):
        command = ("sh", "-c", text)
        return await run_command(SHELL, command, clean_environment(variables), seconds)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


async def until_gone(pid: int) -> None:
    with trio.fail_after(PATIENCE):
        while alive(pid):  # noqa: ASYNC110 - nobody tells
            await trio.sleep(0.01)


async def until_written(path: Path) -> int:
    """Wait for a process to write its id."""
    with trio.fail_after(PATIENCE):
        while not written(path):  # noqa: ASYNC110 - as above
            await trio.sleep(0.01)
    return written(path)


def written(path: Path) -> int:
    """Return the id that a file holds, 0 before it does."""
    return int(path.read_text() or "0") if path.exists() else 0


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Path]:
    """Where a test's program writes the id of what it leaves behind, which is ended."""
    path = tmp_path / "left"
    yield path
    if (pid := written(path)) and alive(pid):
        os.kill(pid, signal.SIGKILL)


async def test_what_it_writes_and_how_it_ends() -> None:
    assert await run("echo one; echo two >&2; exit 3") == Ended(3, ("one", "two"))
    assert await run("kill -SEGV $$") == Ended(-signal.SIGSEGV)


async def test_the_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "hvs.secret")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    old = os.umask(0o077)
    inherited = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)  # noqa: FBT003 - positional only
    try:
        ended = await run(
            "cat; umask; pwd; ls /proc/self/fd | wc -l; env | cut -d= -f1 | sort", FRESHKEY_KEY="x"
        )
        session = await run("cut -d' ' -f5,6 /proc/$$/stat; echo $$ $$")
    finally:
        os.umask(old)
        os.close(inherited)
    assert ended.output[:2] == ("0022", "/")
    assert int(ended.output[2]) == 4  # 0 to 2, and that of `ls`
    assert "FRESHKEY_KEY" in ended.output
    assert not {"VAULT_TOKEN", "NOTIFY_SOCKET"} & set(ended.output)
    assert session.output[0] == session.output[1], "it leads a group and a session"


async def test_a_mebibyte_is_read_and_its_beginning_kept() -> None:
    ended = await run("yes 0123456789abcde | head -c 1048576; exit 4")
    assert (ended.status, ended.is_cut) == (4, True)
    assert ended.output == ("0123456789abcde",) * (LONGEST // 16)


async def test_one_that_writes_for_ever_is_killed() -> None:
    ended = await run("exec yes", seconds=2)
    assert (ended.status, ended.is_cut) == (None, True)


async def test_one_that_ignores_sigterm_is_killed(
    monkeypatch: pytest.MonkeyPatch, left: Path
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)
    ended = await run(
        f"trap '' TERM; echo begun; echo $$ > {left}; while :; do sleep 0.1; done", seconds=1
    )
    assert (ended.status, ended.output[0]) == (None, "begun")
    await until_gone(written(left))


async def test_one_that_ends_in_order_in_its_grace() -> None:
    ended = await run("trap 'echo bye; exit 0' TERM; while :; do sleep 0.05; done", seconds=2)
    assert (ended.status, ended.output[-1]) == (None, "bye")


async def test_a_grandchild_with_the_pipe_is_not_waited_for(left: Path) -> None:
    ended = await run(f"sleep 300 & echo $! > {left}; echo done")
    assert ended == Ended(0, ("done",))
    assert alive(written(left)), "what it leaves behind is none of ours"


async def test_a_grandchild_is_killed_at_the_timeout(
    monkeypatch: pytest.MonkeyPatch, left: Path
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.2)
    script = f"(trap '' TERM; exec sleep 300) & echo $! > {left}; wait"
    assert (await run(script, seconds=0.5)).status is None
    await until_gone(written(left))


async def test_cancelled_it_is_ended(left: Path) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, f"echo $$ > {left}; exec sleep 300")
        pid = await until_written(left)
        nursery.cancel_scope.cancel()
    assert not alive(pid)


async def test_secrets_are_masked() -> None:
    key, plain = "sk-svcacct-0123456789abcdefghij", "correct-horse-battery"
    add_secret(Secret(plain))
    ended = await run('echo "key: $KEY"; echo "$PLAIN"', KEY=key, PLAIN=plain)
    assert ended.output == (f"key: {MASK}", MASK)


@pytest.mark.parametrize("missing", [1, 8, 15])
async def test_a_secret_that_is_cut_is_dropped(missing: int) -> None:
    secret = "hunter2-" * 2
    add_secret(Secret(secret))
    fill = LONGEST - len(secret) + missing - 1
    ended = await run(f"printf '%{fill}s ' x; echo \"$PLAIN\"", PLAIN=secret)
    assert ended.is_cut
    assert ended.output == (" " * (fill - 1) + "x ",)
    without_a_space = await run(f"yes a | head -c {2 * fill} | tr -d '\\n'; echo \"$PLAIN$PLAIN\"")
    assert "hunter" not in "".join(without_a_space.output)


async def test_what_is_no_text() -> None:
    ended = await run(r"printf '\377\000ok\n'")
    assert ended.output == ("\\xff\0ok",)


async def test_what_can_not_be_started() -> None:
    with pytest.raises(PermissionError):
        await run_command(Path("/etc/passwd"), ("passwd",), {}, PATIENCE)


async def test_the_program_is_the_one_that_was_found() -> None:
    command = ("another-name", "-c", "import sys; print(sys.argv[1:])", "x y", "*")
    ended = await run_command(Path(sys.executable), command, {}, PATIENCE)
    assert ended.output == ("['x y', '*']",)
