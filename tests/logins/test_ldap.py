"""Method ldap: Vault's own plugin, and a real directory behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.settings.auth import LdapAuth

from testbed.binaries import LDAP_PLUGIN
from testbed.vault import VaultServer
from tests.logins import slapd
from tests.logins.slapd import SUFFIX, Slapd
from tests.support.documented import client, code_blocks, run_commands
from tests.vault.conftest import make_client
from tests.vault.login.test_login import nothing_to_unwrap, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.vault.client import VaultClient

pytestmark = pytest.mark.logins

PASSWORD = " correct hörse 🐎 battery staple "


@dataclass(frozen=True)
class Ldap:
    """Vault's method over a directory with the user `agent`, whose password is in a file."""

    vault: VaultServer
    directory: Slapd
    file: Path

    def client(self, **options: Any) -> VaultClient:  # noqa: ANN401 - any option
        usual: dict[str, Any] = {"username": "agent", "password_file": self.file}
        return make_client(self.vault.address, LdapAuth(**(usual | options)))


@pytest.fixture(scope="module")
def ldap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ldap]:
    program = slapd.found()
    with (
        Slapd(program, tmp_path_factory.mktemp("slapd")) as directory,
        VaultServer(auth_plugins={"ldap": LDAP_PLUGIN}) as vault,
    ):
        directory.stop()
        for name in ("agent", "changing", "freshkey"):
            directory.add_user(name, PASSWORD)
        directory.start()
        vault.request("POST", "sys/auth/ldap", {"type": "ldap"})
        settings = {"url": directory.url, "userdn": SUFFIX, "userattr": "cn", "token_ttl": "60s"}
        vault.request("POST", "auth/ldap/config", settings)
        yield Ldap(vault, directory, tmp_path_factory.mktemp("credentials") / "password")


@pytest.fixture(autouse=True)
def password(ldap: Ldap) -> None:
    ldap.file.write_text(f"{PASSWORD}\n")


async def test_a_password_of_any_characters(ldap: Ldap) -> None:
    client = ldap.client()
    login = await client.log_in(None, nothing_to_unwrap)
    assert login.owned
    assert (login.duration, login.renewable) == (60.0, True)
    assert (await client.renew_token(login.token, 60.0)).duration == 60.0


async def test_a_password_is_removed_after_the_login(ldap: Ldap) -> None:
    client = ldap.client(remove_password_file=True)
    await client.log_in(None, nothing_to_unwrap)
    client.finish_login()
    assert not ldap.file.exists()


SPACES = " The password was sent with a space before and a space after it"


@pytest.mark.parametrize(
    ("username", "password", "hint"), [("agent", "wrong", ""), ("nobody", PASSWORD, SPACES)]
)
async def test_a_user_that_the_directory_refuses(
    ldap: Ldap, username: str, password: str, hint: str
) -> None:
    ldap.file.write_text(password)
    fault = await refusal(ldap.client(username=username))
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        f"Vault refuses auth/ldap/login for user {username}: invalid credentials: are "
        f"auth.username and the content of auth.password_file those that Vault knows?{hint}"
    )


async def test_a_directory_that_is_away(ldap: Ldap) -> None:
    ldap.directory.stop()
    try:
        fault = await refusal(ldap.client())
    finally:
        ldap.directory.start()
    assert fault.kind is FaultKind.UPSTREAM
    assert fault.message.startswith("Vault failed at auth/ldap/login/agent: ldap.(Client)")
    assert "connection refused" in fault.message


async def test_a_renewal_after_the_password_changed_will_never_work(ldap: Ldap) -> None:
    client = ldap.client(username="changing")
    login = await client.log_in(None, nothing_to_unwrap)
    ldap.directory.stop()
    ldap.directory.set_password("changing", "another")
    ldap.directory.start()
    with pytest.raises(FaultError) as caught:
        await client.renew_token(login.token, 60.0)
    assert caught.value.fault.kind is FaultKind.BAD_REQUEST  # so the agent logs in anew


async def test_what_its_page_says(ldap: Ldap) -> None:
    directory = ldap.file.parent
    changes = {
        "ldaps://ldap.example": ldap.directory.url,
        "ou=services,dc=example": SUFFIX,
    }
    (commands,) = code_blocks("ldap", "sh")
    ldap.vault.request("DELETE", "sys/auth/ldap")
    run_commands(ldap.vault, commands, directory, changes)
    login = await client("ldap", ldap.vault.address, directory).log_in(None, nothing_to_unwrap)
    assert (login.duration, login.owned) == (3600.0, True)
