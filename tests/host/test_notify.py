import socket
from pathlib import Path

import pytest
from freshkey.host.notify import notify


def listener(address: str) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    channel.bind(address)
    channel.settimeout(5)
    return channel


def test_the_service_manager_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    with listener(address) as channel:
        assert notify(READY=1, STATUS="2 keys\nfresh")
        assert channel.recv(1000) == b"READY=1\nSTATUS=2 keys fresh"


def test_an_abstract_name_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"freshkey-test{tmp_path}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with listener(f"\0{name}") as channel:
        assert notify(STOPPING=1)
        assert channel.recv(1000) == b"STOPPING=1"


def test_nothing_happens_without_a_service_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify(READY=1)


@pytest.mark.parametrize("address", ["/nowhere/notify", "vsock:2:1234", "relative"])
def test_one_that_can_not_be_reached_harms_nobody(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify(READY=1)


def test_a_service_manager_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with listener(str(tmp_path / "notify")):
        sent = 0
        while notify(READY=1):  # until the queue is full (net.unix.max_dgram_qlen)
            sent += 1
        assert sent > 0
