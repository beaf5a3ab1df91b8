from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.daemon.config_watch import directories

if TYPE_CHECKING:
    from pathlib import Path


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
    assert set(found) == {etc, volume, volume / "..data", volume / "..1"}


def test_a_linked_directory_is_watched_where_its_name_stands(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    found = directories(tmp_path / "linked" / "config.toml")
    assert set(found) == {tmp_path / "linked", tmp_path, tmp_path / "real"}


def test_links_that_go_round_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert directories(tmp_path / "a") == [tmp_path]


def test_a_missing_directory_is_not_watched(tmp_path: Path) -> None:
    assert directories(tmp_path / "none" / "config.toml") == []
