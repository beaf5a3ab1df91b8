"""Logins into Vault's own aws plugin, whose STS is moto behind a door that checks signatures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.grants import TokenKind
from freshkey.settings.auth import AwsAuth
from freshkey.vault.login import aws

from testbed.vault import VaultServer
from tests.vault.conftest import make_client

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.core.model.grants import Login

    from tests.logins.cloud.sts import Sts

pytestmark = pytest.mark.logins
_NUMBERS = count(1)
ACCOUNT = "123456789012"  # moto's


@dataclass
class Mount:
    """The aws method at a mount of its own, with the role `agent`."""

    vault: VaultServer
    name: str

    def configure(self, **options: object) -> None:
        self.vault.request("POST", f"auth/{self.name}/config/client", options)

    def write_role(self, **options: object) -> None:
        usual = {"auth_type": "iam", "resolve_aws_unique_ids": False, "token_ttl": "60s"}
        self.vault.request("POST", f"auth/{self.name}/role/agent", usual | options)

    async def log_in(self, **options: Any) -> Login:  # noqa: ANN401 - any option
        auth = AwsAuth(**({"mount": self.name, "role": "agent"} | options))
        return await make_client(self.vault.address, auth).log_in(None, lambda _: None)

    async def fault(self, **options: Any) -> Fault:  # noqa: ANN401 - any option
        with pytest.raises(FaultError) as caught:
            await self.log_in(**options)
        assert "\n" not in caught.value.fault.message
        return caught.value.fault

    async def refusal(self, **options: Any) -> str:  # noqa: ANN401 - any option
        """Return what a user reads: Vault's words, and what to do."""
        fault = await self.fault(**options)
        assert fault.kind in {FaultKind.BAD_REQUEST, FaultKind.NOT_FOUND}
        start = f"Vault refuses auth/{self.name}/login ("
        assert fault.message.startswith(start)
        message, _, facts = fault.message.removeprefix(start).rpartition("; ")
        assert (
            facts
            == f"signed with access key {os.environ['AWS_ACCESS_KEY_ID']} for sts.amazonaws.com"
        )
        return message


@pytest.fixture
def mount(vault_with_plugins: VaultServer, sts: Sts, monkeypatch: pytest.MonkeyPatch) -> Mount:
    """With an IAM user whose keys are in the environment."""
    number = next(_NUMBERS)
    made = Mount(vault_with_plugins, f"aws-{number}")
    vault_with_plugins.request("POST", f"sys/auth/{made.name}", {"type": "aws"})
    made.configure(sts_endpoint=sts.address, sts_region="us-east-1", max_retries=0)
    made.write_role(bound_iam_principal_arn=[f"arn:aws:iam::{ACCOUNT}:user/user-{number}"])
    access_key_id, secret = sts.make_user(f"user-{number}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    return made


async def test_a_user(mount: Mount, sts: Sts) -> None:
    login = await mount.log_in()
    assert login.owned
    assert (login.kind, login.duration) == (TokenKind.SERVICE, 60.0)
    assert {*sts.hosts} == {"sts.amazonaws.com"}


async def test_a_user_without_a_role_takes_the_one_of_its_name(mount: Mount) -> None:
    user = f"user-{mount.name.removeprefix('aws-')}"
    assert f"entry for role {user} not found" in await mount.refusal(role=None)
    path = f"auth/{mount.name}/role/{user}"
    arn = f"arn:aws:iam::{ACCOUNT}:user/{user}"
    fields = {
        "auth_type": "iam",
        "resolve_aws_unique_ids": False,
        "bound_iam_principal_arn": arn,
    }
    mount.vault.request("POST", path, fields)
    assert (await mount.log_in(role=None)).owned


async def test_a_region(mount: Mount, sts: Sts) -> None:
    await mount.log_in(sts_region="eu-central-1")
    assert {*sts.hosts} == {"sts.eu-central-1.amazonaws.com"}


async def test_a_region_of_china(mount: Mount, sts: Sts) -> None:
    # moto takes a user of another partition for its own one.
    mount.write_role(bound_iam_principal_arn=[f"arn:aws-cn:iam::{ACCOUNT}:user/moto"])
    await mount.log_in(sts_region="cn-north-1")
    assert {*sts.hosts} == {"sts.cn-north-1.amazonaws.com.cn"}


async def test_a_header_value(mount: Mount, sts: Sts) -> None:
    mount.configure(iam_server_id_header_value="vault.example", sts_endpoint=sts.address)
    assert (await mount.log_in(header_value="vault.example")).owned


async def test_a_web_identity(
    mount: Mount, sts: Sts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Credentials of a session: their token is signed too."""
    mount.write_role(bound_iam_principal_arn=[f"arn:aws:iam::{ACCOUNT}:role/pod"])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    (tmp_path / "token").write_text("eyJh.eyJz.c2ln")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/pod")
    monkeypatch.setenv("AWS_ROLE_SESSION_NAME", "billing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.address)
    login = await mount.log_in()
    fields = {"accessor": login.accessor}
    token_data = mount.vault.request("POST", "auth/token/lookup-accessor", fields)["data"]
    assert token_data["display_name"] == f"{mount.name}-pod/billing"


async def test_another_role_than_the_bound_one(mount: Mount) -> None:
    mount.write_role(bound_iam_principal_arn=[f"arn:aws:iam::{ACCOUNT}:user/other"])
    message = await mount.refusal()
    assert 'does not belong to the role "agent"' in message
    assert message.endswith("): put that ARN into the role's bound_iam_principal_arn")


async def test_no_such_role(mount: Mount) -> None:
    message = await mount.refusal(role="nope")
    assert message == "entry for role nope not found): correct auth.role, or make the role"


async def test_a_header_value_that_is_missing(mount: Mount, sts: Sts) -> None:
    mount.configure(iam_server_id_header_value="vault.example", sts_endpoint=sts.address)
    assert await mount.refusal() == (
        "error validating X-Vault-AWS-IAM-Server-ID header: missing header "
        '"X-Vault-AWS-IAM-Server-ID"): set auth.header_value to the mount\'s '
        "iam_server_id_header_value"
    )


async def test_a_header_value_that_is_wrong(mount: Mount, sts: Sts) -> None:
    mount.configure(iam_server_id_header_value="vault.example", sts_endpoint=sts.address)
    assert await mount.refusal(header_value="other.example") == (
        'error validating X-Vault-AWS-IAM-Server-ID header: expected "vault.example" but got '
        '"other.example"): correct auth.header_value to what Vault expects'
    )


async def test_a_key_that_aws_does_not_know(mount: Mount, sts: Sts) -> None:
    sts.secrets.clear()
    message = await mount.refusal()
    assert message == (
        "error making upstream request: received error code 403 from STS: InvalidClientTokenId: "
        "The security token included in the request is invalid.): give AWS credentials that AWS "
        "knows"
    )


async def test_a_wrong_secret(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret")
    message = await mount.refusal()
    assert message.endswith("): give the secret access key of that access key")


async def test_a_clock_that_is_wrong(mount: Mount, monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> SlowClock:
            return cls.fromtimestamp(datetime.now(tz).timestamp() - 3600, tz)

    monkeypatch.setattr(aws, "datetime", SlowClock)
    message = await mount.refusal()
    assert "Signature expired: " in message
    assert message.endswith("): correct this machine's clock")


async def test_sts_that_vault_can_not_reach(mount: Mount) -> None:
    mount.configure(sts_endpoint="http://127.0.0.1:1", max_retries=0)
    fault = await mount.fault()
    assert fault.kind is FaultKind.UPSTREAM  # it may come back; and Vault is there
    assert "): let Vault reach its sts_endpoint; " in fault.message
    assert "OpenAI" not in fault.message


async def test_a_mount_that_is_not_there(mount: Mount) -> None:
    fault = await mount.fault(mount="elsewhere")
    assert fault.kind is FaultKind.FORBIDDEN
    assert "is the method enabled at that mount" in fault.message


async def test_a_token_with_a_use_limit(mount: Mount) -> None:
    mount.write_role(token_num_uses=3)
    assert "set token_num_uses to 0" in (await mount.fault()).message
