"""Method jwt against the real Vault, with an issuer made by the test."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.struct import replace
from freshkey.settings.auth import JwtAuth

from testbed.vault import VaultServer
from tests.logins import pages
from tests.logins.issuer import AUDIENCE, ISSUER, SUBJECT, Issuer
from tests.vault.conftest import make_client

if TYPE_CHECKING:
    from freshkey.core.model.grants import Login


_NUMBERS = count(1)
HAS = f'the token has issuer "{ISSUER}", subject "{SUBJECT}", audience "{AUDIENCE}", ends in '


@dataclass(frozen=True)
class Mount:
    """The method at a mount of its own, and the file that its token is in."""

    vault: VaultServer
    name: str
    file: Path

    def config(self, **config: object) -> None:
        self.vault.request("POST", f"auth/{self.name}/config", config)

    def role(self, name: str = "agent", **settings: object) -> None:
        usual: dict[str, object] = {
            "role_type": "jwt",
            "user_claim": "sub",
            "bound_audiences": [AUDIENCE],
            "token_policies": ["default"],
            "token_ttl": "60s",
        }
        self.vault.request("POST", f"auth/{self.name}/role/{name}", usual | settings)

    async def log_in(self, **options: Any) -> Login:  # noqa: ANN401 - any option
        usual: dict[str, Any] = {"mount": self.name, "jwt_file": self.file, "role": "agent"}
        client = make_client(self.vault.address, JwtAuth(**(usual | options)))
        login = await client.log_in(None, lambda _: pytest.fail("nothing was to be unwrapped"))
        client.finish_login()
        return login

    async def refusal(self, token: str, **options: Any) -> Fault:  # noqa: ANN401 - any option
        self.file.write_text(token)
        with pytest.raises(FaultError) as caught:
            await self.log_in(**options)
        fault = caught.value.fault
        assert "\n" not in fault.message
        assert token not in fault.message
        return fault


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def empty(vault: VaultServer, tmp_path: Path) -> Mount:
    made = Mount(vault, f"jwt-{next(_NUMBERS)}", tmp_path / "token")
    vault.request("POST", f"sys/auth/{made.name}", {"type": "jwt"})
    return made


@pytest.fixture
def mount(empty: Mount, issuer: Issuer) -> Mount:
    empty.config(jwt_validation_pubkeys=[issuer.public_key], bound_issuer=ISSUER)
    empty.role()
    return empty


async def test_the_file_is_read_at_each_login(mount: Mount, issuer: Issuer) -> None:
    mount.file.write_text(f"{issuer.token()}\n")
    login = await mount.log_in()
    assert login.owned
    assert (login.kind, login.duration, login.renewable) == (TokenKind.SERVICE, 60.0, True)
    await mount.refusal(Issuer().token())
    mount.file.write_text(issuer.token())
    assert (await mount.log_in()).token != login.token
    assert mount.file.exists()


async def test_keys_from_a_url(empty: Mount, issuer: Issuer) -> None:
    with issuer.serve_keys() as url:
        empty.config(jwks_url=url)
        empty.role()
        empty.file.write_text(issuer.token())
        assert (await empty.log_in()).owned
        fault = await empty.refusal(Issuer().token())
    assert "the keys in the mount's config must be those of the token's issuer" in fault.message


async def test_keys_from_a_url_that_is_away(empty: Mount, issuer: Issuer) -> None:
    with issuer.serve_keys() as url:
        empty.config(jwks_url=url)
    empty.role()
    fault = await empty.refusal(issuer.token())
    assert fault.kind is FaultKind.BAD_REQUEST
    assert "Vault can't have the issuer's keys: correct the URL" in fault.message


async def test_the_mount_may_choose_the_role(mount: Mount, issuer: Issuer) -> None:
    token = issuer.token()
    fault = await mount.refusal(token, role=None)
    assert "(missing role): set auth.role, or the mount's default_role; the token" in fault.message
    mount.config(
        jwt_validation_pubkeys=[issuer.public_key], bound_issuer=ISSUER, default_role="agent"
    )
    assert (await mount.log_in(role=None)).owned


async def test_the_file_is_removed_after_the_login(mount: Mount, issuer: Issuer) -> None:
    await mount.refusal(issuer.token(aud="other"), remove_jwt_file=True)
    assert mount.file.exists()
    mount.file.write_text(issuer.token())
    await mount.log_in(remove_jwt_file=True)
    assert not mount.file.exists()


async def test_a_wrong_audience(mount: Mount, issuer: Issuer) -> None:
    fault = await mount.refusal(issuer.token(aud=["sts.example", "api"]))
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.startswith(
        f"Vault refuses auth/{mount.name}/login (error validating token: invalid audience (aud) "
        "claim: audience claim does not match any expected audience): have the token issued for "
        "one of the role's bound_audiences, or bind its audience; the token has issuer "
        f'"{ISSUER}", subject "{SUBJECT}", audience "sts.example", "api", ends in '
    )


@pytest.mark.parametrize(
    ("claims", "todo"),
    [
        ({"sub": "repo:else"}, "set the role's bound_subject to the token's subject"),
        ({"iss": "https://else"}, "set bound_issuer in the mount's config to the token's issuer"),
        ({"ref": "side"}, "set the role's bound_claims to what the token claims"),
        ({"nbf": int(time.time()) + 3600}, "correct the clock of Vault's host, or the issuer's"),
        ({"email": None}, "set the role's user_claim and groups_claim to claims of the token"),
    ],
)
async def test_a_claim_that_does_not_fit(
    mount: Mount, issuer: Issuer, claims: dict[str, object], todo: str
) -> None:
    mount.role(bound_subject=SUBJECT, bound_claims={"ref": "main"}, user_claim="email")
    fault = await mount.refusal(issuer.token(**({"ref": "main", "email": "a@b"} | claims)))
    assert fault.kind is FaultKind.BAD_REQUEST
    assert f"): {todo}; the token has issuer" in fault.message


async def test_an_old_token(mount: Mount, issuer: Issuer) -> None:
    now = int(time.time())
    fault = await mount.refusal(issuer.token(iat=now - 4000, exp=now - 3600))
    assert "token is expired): have auth.jwt_file renewed before its token ends" in fault.message
    assert fault.message.removesuffix(" s ago")[:-2].endswith(", ended 36")


async def test_a_role_without_audiences(mount: Mount, issuer: Issuer) -> None:
    mount.role("open", bound_audiences=[], bound_subject=SUBJECT)
    fault = await mount.refusal(issuer.token(), role="open")
    assert "set the role's bound_audiences to the token's audience; " + HAS in fault.message


async def test_a_role_that_does_not_exist(mount: Mount, issuer: Issuer) -> None:
    fault = await mount.refusal(issuer.token(), role="nope")
    assert fault.kind is FaultKind.NOT_FOUND
    assert '(role "nope" could not be found): name one of the mount\'s roles' in fault.message


async def test_a_mount_without_its_config(empty: Mount, issuer: Issuer) -> None:
    fault = await empty.refusal(issuer.token())
    assert "(could not load configuration): write the mount's config: it has none" in fault.message


async def test_a_mount_that_does_not_exist(mount: Mount, issuer: Issuer) -> None:
    fault = await mount.refusal(issuer.token(), mount="elsewhere")
    assert fault.kind is FaultKind.FORBIDDEN
    assert "auth/elsewhere/login (permission denied): is the method enabled" in fault.message


@pytest.mark.parametrize("content", ["hvs.token", "a.b.c", "a.e30x.c", "a.W10.c"])
async def test_what_is_no_jwt_is_not_sent(mount: Mount, content: str) -> None:
    fault = await mount.refusal(content, mount="elsewhere")
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        f"auth.jwt_file {mount.file} holds no JWT, three parts with dots between: put one there"
    )


async def test_a_missing_file(mount: Mount) -> None:
    with pytest.raises(FaultError) as caught:
        await mount.log_in()
    assert caught.value.fault.message.startswith(f"auth.jwt_file {mount.file} does not exist: put")


async def test_the_page_as_it_is_written(
    vault: VaultServer, tmp_path: Path, issuer: Issuer
) -> None:
    (tmp_path / "issuer.pem").write_text(issuer.public_key)
    pages.run_commands("jwt", vault, tmp_path)
    auth = pages.settings("jwt", tmp_path)
    assert isinstance(auth, JwtAuth)
    token = tmp_path / "token"
    token.write_text(issuer.token())
    client = make_client(vault.address, replace(auth, jwt_file=token))
    login = await client.log_in(None, lambda _: pytest.fail("nothing was to be unwrapped"))
    assert (login.duration, login.renewable) == (3600.0, True)
    vault.request("DELETE", "sys/auth/jwt")
