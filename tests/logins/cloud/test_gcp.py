"""Logins into Vault's own gcp plugin, for which Google is stood in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.settings.auth import GcpAuth, GcpType

from testbed.vault import VaultServer
from tests.logins.cloud.google import ACCOUNT, ACCOUNTS, PROJECT, Google
from tests.vault.conftest import make_client
from tests.vault.servers import answer

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login


pytestmark = pytest.mark.logins
_NUMBERS = count(1)


@dataclass
class Mount:
    """The gcp method at a mount of its own, with the role `billing`."""

    vault: VaultServer
    name: str

    def write_role(self, **options: object) -> None:
        usual = {"bound_projects": PROJECT, "token_ttl": "60s"}
        self.vault.request("POST", f"auth/{self.name}/role/billing", usual | options)

    async def log_in(self, **options: Any) -> Login:  # noqa: ANN401 - any option
        auth = GcpAuth(**({"mount": self.name, "role": "billing"} | options))
        return await make_client(self.vault.address, auth).log_in(None, lambda _: None)

    async def fault(self, **options: Any) -> Fault:  # noqa: ANN401 - any option
        with pytest.raises(FaultError) as caught:
            await self.log_in(**options)
        assert "\n" not in caught.value.fault.message
        return caught.value.fault


@pytest.fixture
def mount(vault_with_plugins: VaultServer, google: Google) -> Mount:
    made = Mount(vault_with_plugins, f"gcp-{next(_NUMBERS)}")
    vault_with_plugins.request("POST", f"sys/auth/{made.name}", {"type": "gcp"})
    endpoints = dict.fromkeys(("api", "iam", "compute"), google.address)
    fields = {"custom_endpoint": endpoints}
    vault_with_plugins.request("POST", f"auth/{made.name}/config", fields)
    return made


async def test_gce(mount: Mount) -> None:
    mount.write_role(type="gce")
    login = await mount.log_in()
    assert login.owned
    assert login.duration == 60.0
    fields = {"accessor": login.accessor}
    token_data = mount.vault.request("POST", "auth/token/lookup-accessor", fields)["data"]
    assert token_data["meta"]["instance_name"] == "vm-7"


async def test_iam(mount: Mount) -> None:
    mount.write_role(type="iam", bound_service_accounts=ACCOUNT, max_jwt_exp="5m")
    assert (await mount.log_in(type=GcpType.IAM)).owned


async def test_an_identity_for_a_role_of_type_iam(mount: Mount) -> None:
    """It lasts an hour; so do those of Cloud Run, which know no instance."""
    mount.write_role(type="iam", bound_service_accounts=ACCOUNT, max_jwt_exp="1h")
    assert (await mount.log_in()).owned


async def test_wrong_type_for_gce(mount: Mount) -> None:
    mount.write_role(type="gce")
    fault = await mount.fault(type=GcpType.IAM)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert '): set auth.type = "gce" for a role of type gce; ' in fault.message


async def test_wrong_type_for_iam(mount: Mount) -> None:
    mount.write_role(type="iam", bound_service_accounts=ACCOUNT)
    fault = await mount.fault()
    assert '): set auth.type = "iam" for a role of type iam: ' in fault.message


async def test_another_account_than_the_bound_one(mount: Mount) -> None:
    mount.write_role(type="iam", bound_service_accounts="other@project-1.iam.gserviceaccount.com")
    fault = await mount.fault(type=GcpType.IAM)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.startswith(
        f"Vault refuses auth/{mount.name}/login (service account {ACCOUNT} "
    )
    assert "): put that account into the role's bound_service_accounts; " in fault.message


async def test_another_project_than_the_bound_one(mount: Mount) -> None:
    mount.write_role(type="gce", bound_projects="project-2")
    fault = await mount.fault()
    assert "not in bound projects [project-2]" in fault.message
    assert "): correct that bound of the role; " in fault.message


async def test_no_such_role(mount: Mount) -> None:
    fault = await mount.fault(role="billing")
    assert fault.message == (
        f'Vault refuses auth/{mount.name}/login (role "billing" not found): correct auth.role, or '
        "make the role; the JWT was of type gce, for http://vault/billing"
    )


async def test_an_identity_that_has_expired(mount: Mount, google: Google) -> None:
    mount.write_role(type="gce")
    [line] = [line for line in google.routes if line.startswith(f"GET {ACCOUNTS}/default/identity")]
    usual = google.routes[line]
    old = google.identity(exp=int(time.time()) - 3600).encode()
    google.routes[line] = answer(200, old, headers={"Metadata-Flavor": "Google"})
    try:
        fault = await mount.fault()
    finally:
        google.routes[line] = usual
    assert "): correct this machine's clock; " in fault.message


async def test_an_account_that_vault_may_not_look_up(mount: Mount, google: Google) -> None:
    mount.write_role(type="iam", bound_service_accounts=ACCOUNT)
    [line] = [
        line for line in google.routes if line.endswith(f"{ACCOUNT}?alt=json&prettyPrint=false")
    ]
    usual = google.routes.pop(line)
    try:
        fault = await mount.fault(type=GcpType.IAM)
    finally:
        google.routes[line] = usual
    assert fault.kind is FaultKind.BAD_REQUEST  # though Vault answers 500
    assert "): give Vault's own Google account iam.serviceAccounts.get; " in fault.message
