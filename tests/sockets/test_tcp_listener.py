import errno
import os
import socket

import pytest
from freshkey.core.model.faults import FaultError
from freshkey.settings.urls import HostPort
from freshkey.sockets.tcp_listener import TcpListener


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (errno.EADDRINUSE, "name an address of this machine that is free"),
        (errno.EADDRNOTAVAIL, "name an address of this machine that is free"),
        (errno.EACCES, "name a port above 1023, or give the agent CAP_NET_BIND_SERVICE"),
    ],
)
def test_an_address_that_can_not_be_had(
    monkeypatch: pytest.MonkeyPatch, code: int, advice: str
) -> None:
    def refuse(_sock: socket.socket, _address: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(FaultError) as told:
        TcpListener(HostPort("127.0.0.1", 80), "server.health: 127.0.0.1:80")
    assert told.value.fault.message == (
        f"server.health: 127.0.0.1:80: {os.strerror(code)}: {advice}"
    )
