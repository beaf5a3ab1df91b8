from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from freshkey.daemon import config_watch
from freshkey.daemon.config_file import ConfigFile
from freshkey.daemon.config_watch import directories
from freshkey.settings.model import Settings, VaultSettings
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETTINGS = Settings(vault=VaultSettings(addresses=("http://127.0.0.1:8200",)), keys={})


@pytest.fixture
def virtual_time(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> trio.testing.MockClock:
    """Time that waits for nobody, and so for no thread either."""

    async def run_inline(call: Callable[[], object], *, abandon_on_cancel: bool) -> object:
        assert abandon_on_cancel
        await trio.lowlevel.checkpoint()
        return call()

    monkeypatch.setattr(trio.to_thread, "run_sync", run_inline)
    return autojump_clock


def test_a_plain_file_stands_in_one_directory(tmp_path: Path) -> None:
    (tmp_path / "config.toml").touch()
    assert directories(tmp_path / "config.toml") == [tmp_path]


def test_every_link_on_the_way_is_watched(tmp_path: Path) -> None:
    """As in a ConfigMap's volume, with one more link in front of it."""
    volume, etc = tmp_path / "volume", tmp_path / "etc"
    (volume / "..1").mkdir(parents=True)
    (volume / "..1" / "config.toml").touch()
    (volume / "..data").symlink_to("..1")
    (volume / "config.toml").symlink_to("..data/config.toml")
    etc.mkdir()
    (etc / "config.toml").symlink_to("../volume/config.toml")
    found = directories(etc / "config.toml")
    assert set(found) == {etc, volume, volume / "..1"}


def test_a_linked_directory_is_watched_where_its_name_stands(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "config.toml").touch()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    found = directories(tmp_path / "linked" / "config.toml")
    assert set(found) == {tmp_path / "linked", tmp_path, tmp_path / "real"}


def test_a_link_is_followed_from_where_it_really_stands(tmp_path: Path) -> None:
    (tmp_path / "real" / "app").mkdir(parents=True)
    (tmp_path / "real" / "shared").mkdir()
    (tmp_path / "real" / "shared" / "config.toml").touch()
    (tmp_path / "real" / "app" / "config.toml").symlink_to("../shared/config.toml")
    (tmp_path / "linked").symlink_to("real/app")
    found = directories(tmp_path / "linked" / "config.toml")
    real = tmp_path / "real"
    assert set(found) == {tmp_path / "linked", tmp_path, real / "app", real / "shared"}


def test_links_that_go_round_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert directories(tmp_path / "a") == [tmp_path]


def test_a_missing_directory_is_not_watched(tmp_path: Path) -> None:
    assert directories(tmp_path / "none" / "config.toml") == []


async def test_what_can_not_be_watched_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> list[Path]:
        raise PermissionError("no way in")

    monkeypatch.setattr(config_watch, "directories", refuse)
    monkeypatch.setattr(config_watch, "AFTER_START", 0)
    monkeypatch.setattr(config_watch, "_LOOK_AGAIN", 1)
    unreadable = file_at(tmp_path / "config.toml")
    with capture_logs() as told:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(config_watch.watch_config, unreadable, lambda: None)
            with trio.fail_after(10):
                while len(told) < 3:  # noqa: ASYNC110 - a thread tells
                    await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    assert {line["event"] for line in told} == {"config.not_watched"}


async def test_a_busy_directory_is_listened_to_for_little_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, virtual_time: trio.testing.MockClock
) -> None:
    """Such as one with an audit file: the kernel would tell of each line."""
    listened: list[float] = []
    changed: list[float] = []
    config = tmp_path / "config.toml"
    config.write_text("1")
    file = file_at(config)
    file.load()

    async def happens(_: Path) -> bool:
        listened.append(trio.current_time())
        await trio.sleep(0.5)
        return True

    def change() -> None:
        changed.append(trio.current_time())
        file.load()

    monkeypatch.setattr(config_watch, "_directories_change", happens)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(config_watch.watch_config, file, change)
        await trio.sleep(900)
        assert 90 < len(listened) < 120
        config.write_text("2")
        await trio.sleep(10)
        assert len(changed) == 1
        nursery.cancel_scope.cancel()


async def test_what_changed_before_the_watch_began_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, virtual_time: trio.testing.MockClock
) -> None:
    """While the agent started: what it has read is what counts, not what it finds first."""
    asked = await _asked(tmp_path, monkeypatch, lambda file: file.path.write_text("2"))
    assert asked > 1  # until it is read


async def test_what_a_signal_had_read_is_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, virtual_time: trio.testing.MockClock
) -> None:
    def reload(file: ConfigFile) -> None:
        file.path.write_text("2")
        file.load()

    assert await _asked(tmp_path, monkeypatch, reload) == 0


async def _asked(
    directory: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[ConfigFile], object]
) -> int:
    """Count how often is asked for a reload in ten seconds, once `change` was made."""
    file, asked = file_at(directory / "config.toml"), list[None]()
    file.path.write_text("1")
    file.load()
    change(file)

    async def happens(_: Path) -> bool:
        await trio.sleep(60)
        return False

    monkeypatch.setattr(config_watch, "_directories_change", happens)
    with trio.move_on_after(10):
        await config_watch.watch_config(file, lambda: asked.append(None))
    return len(asked)


def file_at(path: Path) -> ConfigFile:
    return ConfigFile(path, lambda: SETTINGS)
