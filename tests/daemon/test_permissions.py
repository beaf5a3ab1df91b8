from __future__ import annotations

from pathlib import Path

import pytest
from freshkey.core.model.faults import FaultError
from freshkey.daemon.permissions import Permissions
from freshkey.settings.gateway import GatewayClientSettings, GatewaySettings
from freshkey.settings.keys import AllowSettings, KeySettings
from freshkey.settings.model import Settings, VaultSettings

VAULT = VaultSettings(addresses=("http://127.0.0.1:8200",))


def settings(user: str, client: str | None = None) -> Settings:
    key = KeySettings(path="x", allow=(AllowSettings(user=user),))
    gateway = GatewaySettings()
    if client is not None:
        clients = (GatewayClientSettings(user=client),)
        gateway = GatewaySettings(socket=Path("openai.sock"), clients=clients)
    return Settings(vault=VAULT, keys={"billing": key}, gateway=gateway)


def test_names_are_looked_up_once() -> None:
    found = Permissions.of(settings("root", "1234"))
    (client,) = found.clients
    assert client.rule.uid == 1234
    assert Permissions.of(settings("root")).clients == ()


@pytest.mark.parametrize("wrong", [settings("nobody-has-it"), settings("root", "nobody-has-it")])
def test_a_name_that_is_gone_is_a_fault(wrong: Settings) -> None:
    """A directory service may answer when the configuration is checked, and not a moment later."""
    with pytest.raises(FaultError, match="no user 'nobody-has-it' on this machine any more"):
        Permissions.of(wrong)
