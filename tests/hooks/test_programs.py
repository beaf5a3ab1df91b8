"""Which program a command runs; one that others can change is refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freshkey.hooks.errors import HookError
from freshkey.hooks.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Callable

ADVICE = "leave it to root or the agent's user (chown, chmod go-w)"
STRANGER = 4_000_001


def refusal(name: str, path: str = "/usr/bin:/bin") -> str:
    with pytest.raises(HookError) as caught:
        find_program(name, {"PATH": path})
    return str(caught.value)


def test_a_name_is_looked_up_in_the_path(script: Callable[..., Path], tmpfs_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmpfs_path / name).mkdir(mode=0o755)
    script("", "one/reload").chmod(0o600)  # which execvp passes over
    (tmpfs_path / "two" / "reload").mkdir()
    program = script("", "three/reload")
    path = ":".join(f"{tmpfs_path}/{name}" for name in ("missing", "one", "two", "three"))
    assert find_program("reload", {"PATH": path}) == program
    assert find_program(str(program), {"PATH": ""}) == program
    assert find_program("sh", {}).name == "sh"


def test_a_relative_directory_of_the_path_is_passed_over(
    script: Callable[..., Path], tmpfs_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script("", "reload")
    monkeypatch.chdir(tmpfs_path)
    assert refusal("reload", ":.") == (
        "there is no program reload in PATH (:.): install it, or write its path"
    )


def test_what_is_no_program(tmpfs_path: Path) -> None:
    (tmpfs_path / "text").write_text("")
    for name in ("text", "missing", "."):
        path = f"{tmpfs_path}/{name}"
        assert refusal(path) == (
            f"{path} is no program that the agent can run: correct path and mode"
        )


@pytest.mark.parametrize("mode", [0o757, 0o702])
def test_a_program_that_everybody_can_write(script: Callable[..., Path], mode: int) -> None:
    program = script("")
    program.chmod(mode)
    assert refusal(str(program)) == f"{program} can be written by every user: {ADVICE}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_program_of_somebody_else(script: Callable[..., Path]) -> None:
    program = script("")
    os.chown(program, STRANGER, 0)
    assert refusal(str(program)) == (
        f"{program} can be written by its owner, user {STRANGER}: {ADVICE}"
    )
    os.chown(program, 0, STRANGER)
    program.chmod(0o770)
    assert refusal(str(program)) == f"{program} can be written by group {STRANGER}: {ADVICE}"


def test_a_directory_in_which_everybody_can_replace_it(
    script: Callable[..., Path], tmpfs_path: Path
) -> None:
    inner = tmpfs_path / "open" / "inner"
    inner.mkdir(parents=True)
    program = script("", "open/inner/program")
    (tmpfs_path / "open").chmod(0o777)
    assert refusal(str(program)) == f"{tmpfs_path}/open can be written by every user: {ADVICE}"
    (tmpfs_path / "open").chmod(0o1777)  # sticky: only owners can
    assert find_program(str(program), {}) == program


def test_a_link_in_a_directory_in_which_everybody_can_replace_it(
    script: Callable[..., Path], tmpfs_path: Path
) -> None:
    program = script("")
    (tmpfs_path / "open").mkdir()
    (tmpfs_path / "open").chmod(0o777)
    (tmpfs_path / "open" / "link").symlink_to("../program")
    (tmpfs_path / "link").symlink_to("open/link")
    for name in ("open/link", "link"):
        message = f"{tmpfs_path}/open can be written by every user: {ADVICE}"
        assert refusal(f"{tmpfs_path}/{name}") == message
    (tmpfs_path / "open").chmod(0o755)
    assert find_program(f"{tmpfs_path}/link", {}) == Path(f"{tmpfs_path}/link")
    assert program.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_of_somebody_else(script: Callable[..., Path], tmpfs_path: Path) -> None:
    script("")
    link = tmpfs_path / "link"
    link.symlink_to("program")
    os.chown(link, STRANGER, 0, follow_symlinks=False)
    assert refusal(str(link)) == f"{link} can be written by its owner, user {STRANGER}: {ADVICE}"
