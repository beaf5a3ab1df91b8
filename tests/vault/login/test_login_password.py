"""Method userpass, against the real Vault; its twin ldap is tested with a directory of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.logs.redact import redact_text
from freshkey.settings.auth import UserpassAuth

from testbed.vault import VaultServer
from tests.vault.conftest import make_client
from tests.vault.login.test_login import nothing_to_unwrap, refusal

if TYPE_CHECKING:
    from freshkey.vault.client import VaultClient


PASSWORD = " correct hörse 🐎\tbattery staple "
_NUMBERS = count(1)


@dataclass(frozen=True)
class Userpass:
    """A userpass mount with the user `agent`, whose password is in a file."""

    vault: VaultServer
    mount: str
    file: Path

    def client(self, **options: Any) -> VaultClient:  # noqa: ANN401 - any option
        usual: dict[str, Any] = {"username": "agent", "password_file": self.file}
        return make_client(
            self.vault.address, UserpassAuth(**({"mount": self.mount} | usual | options))
        )


@pytest.fixture
def userpass(vault: VaultServer, tmp_path: Path) -> Userpass:
    made = Userpass(vault, f"userpass-{next(_NUMBERS)}", tmp_path / "password")
    vault.request("POST", f"sys/auth/{made.mount}", {"type": "userpass"})
    user = {"password": PASSWORD, "token_policies": ["default"], "token_ttl": "60s"}
    vault.request("POST", f"auth/{made.mount}/users/agent", user)
    made.file.write_text(f"{PASSWORD}\n")
    return made


async def test_a_password_of_any_characters(userpass: Userpass) -> None:
    login = await userpass.client().log_in(None, nothing_to_unwrap)
    assert login.owned
    assert (login.duration, login.renewable) == (60.0, True)
    assert userpass.file.exists()
    userpass.file.write_text(PASSWORD)
    assert (await userpass.client().log_in(None, nothing_to_unwrap)).owned


async def test_a_wrong_password(userpass: Userpass) -> None:
    userpass.file.write_text(f"{PASSWORD.strip()}\n")
    fault = await refusal(userpass.client())
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        f"Vault refuses auth/{userpass.mount}/login for user agent: invalid username or password: "
        "are auth.username and the content of auth.password_file those that Vault knows?"
    )


async def test_a_user_that_vault_locked_out(userpass: Userpass) -> None:
    userpass.file.write_text("wrong")
    for _ in range(5):  # Vault's lockout threshold
        assert (await refusal(userpass.client())).kind is FaultKind.BAD_REQUEST
    userpass.file.write_text(PASSWORD)
    fault = await refusal(userpass.client())
    assert fault.kind is FaultKind.FORBIDDEN
    assert fault.message.endswith(", or is user agent locked out after wrong passwords?")


async def test_a_user_who_has_to_give_a_second_factor(userpass: Userpass) -> None:
    vault = userpass.vault
    fields = {"issuer": "Vault", "period": 30}
    method = vault.request("POST", "identity/mfa/method/totp", fields)["data"]["method_id"]
    accessor = vault.request("GET", "sys/auth")["data"][f"{userpass.mount}/"]["accessor"]
    enforced = {"mfa_method_ids": [method], "auth_method_accessors": [accessor]}
    vault.request("POST", f"identity/mfa/login-enforcement/{userpass.mount}", enforced)
    fault = await refusal(userpass.client())
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        "Vault wants a second factor for this login: exclude this user from login MFA, which "
        "nobody is there to answer"
    )


async def test_a_wrong_mount(userpass: Userpass) -> None:
    fault = await refusal(userpass.client(mount="elsewhere"))
    assert fault.kind is FaultKind.FORBIDDEN
    assert "auth/elsewhere/login/agent (permission denied): is the method enabled" in fault.message


async def test_a_user_whose_name_is_no_part_of_a_path(userpass: Userpass) -> None:
    fault = await refusal(userpass.client(username="agent?x=1"))
    assert f"auth/{userpass.mount}/login/agent?x=1: failed to determine" in fault.message


@pytest.mark.parametrize(("password", "hint"), [(" wrong", "a space before it"), ("wrong", None)])
async def test_a_space_that_was_not_meant(
    userpass: Userpass, password: str, hint: str | None
) -> None:
    userpass.file.write_text(f"{password}\n")
    fault = await refusal(userpass.client())
    assert fault.message.endswith("those that Vault knows?" if hint is None else hint)


async def test_a_password_is_removed_after_the_login(userpass: Userpass) -> None:
    userpass.file.write_text("wrong")
    client = userpass.client(remove_password_file=True)
    await refusal(client)
    assert userpass.file.exists()
    userpass.file.write_text(PASSWORD)
    await client.log_in(None, nothing_to_unwrap)
    client.finish_login()
    assert not userpass.file.exists()
    fault = await refusal(client)
    assert fault.message.startswith(f"auth.password_file {userpass.file} does not exist")


async def test_a_password_is_forgotten_when_its_login_is_over(userpass: Userpass) -> None:
    client = userpass.client()
    userpass.file.write_text("another password")
    await refusal(client)
    userpass.file.write_text(PASSWORD)
    await client.log_in(None, nothing_to_unwrap)
    text = f"{PASSWORD} or another password"
    assert redact_text(text) == "*** or ***", "what Vault says of it may still be told"
    client.finish_login()
    assert redact_text(text) == text


async def test_a_renewal_after_the_policies_changed_says_that_it_will_never_work(
    userpass: Userpass,
) -> None:
    client = userpass.client()
    login = await client.log_in(None, nothing_to_unwrap)
    change = {"token_policies": ["default", "other"]}
    userpass.vault.request("POST", f"auth/{userpass.mount}/users/agent", change)
    with pytest.raises(FaultError) as caught:
        await client.renew_token(login.token, 60.0)
    fault = caught.value.fault
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.endswith("policies have changed, not renewing")
