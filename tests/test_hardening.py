from pathlib import Path

import pytest
from freshkey import hardening
from freshkey.settings import Settings
from freshkey.settings.model import (
    FileSettings,
    KeySettings,
    StateSettings,
    TokenAuth,
    VaultSettings,
)
from structlog.testing import capture_logs


def settings(memory: Path) -> Settings:
    return Settings(
        vault=VaultSettings(addresses=("http://127.0.0.1:8200",)),
        auth=TokenAuth(),
        state=StateSettings(directory=memory / "state"),
        keys={"billing": KeySettings(path="x", files=(FileSettings(path=memory / "a" / "b"),))},
    )


def told(monkeypatch: pytest.MonkeyPatch, memory: Path, swap: tuple[str, ...]) -> list[str]:
    monkeypatch.setattr(hardening, "swap_in_reach", lambda: swap)
    monkeypatch.setattr(hardening, "harden", lambda *, lock_memory: ["no lock"] * lock_memory)
    with capture_logs() as events:
        hardening.secure(settings(memory), lock_memory=True)
    assert {event["log_level"] for event in events} == {"warning"}
    return [f"{event['event']} {event.get('mount')} {event['message']}" for event in events]


def test_what_can_not_be_had_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert told(monkeypatch, tmp_path, ()) == ["process.not_hardened None no lock"]


def test_tmpfs_that_could_be_swapped_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hardening, "swappable_mounts", lambda paths: sorted({*paths}))
    _, *mounts = told(monkeypatch, tmp_path, ("/dev/sda2", "/swapfile"))
    assert [line.split()[:2] for line in mounts] == [
        ["state.swappable", str(tmp_path / "a")],
        ["state.swappable", str(tmp_path / "state")],
    ]
    assert "(/dev/sda2, /swapfile)" in mounts[0]
    assert "noswap" in mounts[0]
