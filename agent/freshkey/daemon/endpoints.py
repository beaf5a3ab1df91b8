"""The sockets that the agent listens on, and what each of them serves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freshkey.serve.activation import take_inherited
from freshkey.serve.credential import CredentialSocket
from freshkey.serve.endpoint import Endpoint, http
from freshkey.serve.listener import Listener, listen

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from freshkey.serve.connection import Answer
    from freshkey.serve.reading import Reading
    from freshkey.settings.model import CredentialSettings, ServerSettings, Settings


def open_listeners(settings: Settings) -> dict[Path, Listener]:
    """Take over what systemd passed, and make the other sockets; raises FaultError (`output`)."""
    wanted: dict[Path, ServerSettings | CredentialSettings]
    wanted = {settings.server.socket: settings.server}
    for key in settings.keys.values():
        if key.credential is not None:
            wanted[key.credential.socket] = key.credential
    listeners = take_inherited(os.environ, wanted)
    try:
        for path, access in wanted.items():
            if path not in listeners:
                listeners[path] = listen(
                    path, mode=access.mode, owner=access.owner, group=access.group
                )
    except BaseException:
        for listener in listeners.values():
            listener.close()
        raise
    return listeners


def endpoints(
    settings: Settings, listeners: Mapping[Path, Listener], answer: Answer, reading: Reading
) -> list[Endpoint]:
    """Say what each listener serves: HTTP, or one key's credential."""
    found = [http(listeners[settings.server.socket], answer)]
    for name, key in settings.keys.items():
        if key.credential is not None:
            attend = CredentialSocket(name, reading).attend
            found.append(Endpoint(listeners[key.credential.socket], attend))
    return found
