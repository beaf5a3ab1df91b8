"""Method kubernetes: Vault's plugin, and tokens issued and reviewed by a real API server."""

from __future__ import annotations

import dataclasses
import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.grants import TokenKind
from freshkey.core.model.struct import replace
from freshkey.settings.auth import KubernetesAuth

from testbed.kubernetes import ISSUER, KubernetesServer
from testbed.process import ReservedPort
from tests.logins import pages
from tests.logins.issuer import Issuer
from tests.logins.pod import Mount
from tests.vault.conftest import make_client

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.vault import VaultServer


pytestmark = pytest.mark.logins

_NUMBERS = count(1)
BILLING: dict[str, object] = {
    "iss": ISSUER,
    "aud": ["vault"],
    "kubernetes.io": {
        "namespace": "shop",
        "serviceaccount": {"name": "billing", "uid": "somebody"},
    },
}
"""What a token of the pod's account claims, its uid excepted."""
UNCONFIRMED = (
    "(permission denied): no such method is mounted there, the role's token_bound_cidrs exclude "
    "this host, or the API server did not confirm the token (Vault's log at level debug says why, "
    'at "login unauthorized"): does Vault reach it, '
)


@pytest.fixture
def empty(vault_with_plugins: VaultServer, kubernetes: KubernetesServer, tmp_path: Path) -> Mount:
    name = f"kubernetes-{next(_NUMBERS)}"
    vault_with_plugins.request("POST", f"sys/auth/{name}", {"type": "kubernetes"})
    return Mount(vault_with_plugins, kubernetes, name, tmp_path / "volume")


@pytest.fixture
def mount(empty: Mount) -> Mount:
    empty.config()
    empty.role()
    return empty


async def test_the_projected_token_is_read_at_each_login(mount: Mount) -> None:
    mount.project(mount.token())
    login = await mount.log_in()
    assert login.owned
    assert (login.kind, login.duration, login.renewable) == (TokenKind.SERVICE, 60.0, True)
    await mount.refusal(mount.token("shop", "other"))
    mount.project(mount.token())
    assert (await mount.log_in()).token != login.token


async def test_a_pod_that_reviews_its_own_token(mount: Mount) -> None:
    mount.config(token_reviewer_jwt="")
    mount.role("own", audience="")
    fault = await mount.refusal(mount.token(audience=""), role="own")
    assert "may the reviewer, or without one the pod itself, create TokenReviews" in fault.message
    mount.kubernetes.create_account("shop", "reviewing")
    mount.kubernetes.allow_token_review("shop", "reviewing")
    mount.role("own", audience="", bound_service_account_names=["reviewing"])
    mount.project(mount.token("shop", "reviewing", audience=""))
    assert (await mount.log_in(role="own")).owned


async def test_not_in_a_pod(mount: Mount) -> None:
    with pytest.raises(FaultError) as caught:
        await mount.log_in()
    assert caught.value.fault.kind is FaultKind.BAD_REQUEST
    assert caught.value.fault.message == (
        f"auth.token_file {mount.file} does not exist: is this a pod, and "
        "automountServiceAccountToken on or a projected serviceAccountToken mounted there?"
    )


async def test_another_audience(mount: Mount) -> None:
    fault = await mount.refusal(mount.token(audience=""))
    assert fault.kind is FaultKind.FORBIDDEN
    assert fault.message.startswith(
        f"Vault refuses auth/{mount.name}/login (invalid audience (aud) claim: audience claim does "
        "not match any expected audience): give the projected token the role's audience, or the "
        f'role the token\'s; the token has issuer "{ISSUER}", subject '
        f'"system:serviceaccount:shop:billing", audience "{ISSUER}", ends in '
    )


@pytest.mark.parametrize(
    ("namespace", "name", "refused", "todo"),
    [
        ("shop", "other", "service account name", "service account in the role's bound_service"),
        ("else", "billing", "namespace", "namespace in the role's bound_service_account_namesp"),
    ],
)
async def test_another_account(
    mount: Mount, namespace: str, name: str, refused: str, todo: str
) -> None:
    fault = await mount.refusal(mount.token(namespace, name))
    assert fault.kind is FaultKind.FORBIDDEN
    assert f"({refused} not authorized): name the pod's {todo}" in fault.message
    assert f'subject "system:serviceaccount:{namespace}:{name}"' in fault.message


async def test_an_old_token(mount: Mount) -> None:
    now = int(time.time())
    issuer = Issuer(mount.kubernetes.signing_key)
    token = issuer.token(**BILLING, iat=now - 4000, exp=now - 3600)
    fault = await mount.refusal(token)
    assert fault.kind is FaultKind.FORBIDDEN
    assert "token is expired): the kubelet has to renew auth.token_file; " in fault.message
    assert "ended 36" in fault.message


async def test_another_issuer(mount: Mount) -> None:
    mount.config(issuer="https://else", disable_iss_validation=False)
    fault = await mount.refusal(mount.token())
    assert "): set disable_iss_validation in the mount's config; " in fault.message


async def test_a_role_that_does_not_exist(mount: Mount) -> None:
    fault = await mount.refusal(mount.token(), role="nope")
    assert fault.kind is FaultKind.NOT_FOUND
    assert '(invalid role name "nope"): name one of the mount\'s roles' in fault.message


async def test_a_mount_without_its_config(empty: Mount) -> None:
    empty.role()
    fault = await empty.refusal(empty.token())
    assert fault.kind is FaultKind.BAD_REQUEST
    assert "(could not load backend configuration): write the mount's config" in fault.message


async def test_a_reviewer_that_may_not_review(mount: Mount) -> None:
    mount.config(token_reviewer_jwt=mount.token("shop", "other", audience=""))
    await refused_unconfirmed(mount)


async def test_an_api_server_that_is_away(mount: Mount) -> None:
    with closing(ReservedPort()) as nobody:
        mount.config(kubernetes_host=f"https://127.0.0.1:{nobody.number}")
        await refused_unconfirmed(mount)


async def test_an_api_server_that_vault_does_not_trust(mount: Mount) -> None:
    mount.config(kubernetes_ca_cert="")
    await refused_unconfirmed(mount)


async def test_an_account_that_was_deleted(mount: Mount) -> None:
    mount.kubernetes.create_account("shop", "gone")
    mount.role(bound_service_account_names=["gone"])
    token = mount.token(
        "shop", "gone"
    )  # never reviewed: the API server remembers a review for 10 s
    mount.kubernetes.request("DELETE", "/api/v1/namespaces/shop/serviceaccounts/gone")
    await refused_unconfirmed(mount, token)


async def test_a_token_that_somebody_else_signed(mount: Mount) -> None:
    await refused_unconfirmed(mount, Issuer().token(**BILLING))


async def test_a_token_that_is_not_of_kubernetes(mount: Mount) -> None:
    fault = await mount.refusal(Issuer().token())
    assert fault.kind is FaultKind.BAD_REQUEST
    assert "): auth.token_file must hold a service account's token; the token has" in fault.message


async def test_a_mount_that_does_not_exist(mount: Mount) -> None:
    await refused_unconfirmed(dataclasses.replace(mount, name="elsewhere"))


async def refused_unconfirmed(mount: Mount, token: str | None = None) -> None:
    fault = await mount.refusal(token or mount.token())
    assert fault.kind is FaultKind.FORBIDDEN
    assert UNCONFIRMED in fault.message
    assert fault.message.startswith("Vault refuses auth/")
    assert f'; the token has issuer "{ISSUER}", subject ' in fault.message


async def test_the_page_as_it_is_written(
    vault_with_plugins: VaultServer, kubernetes: KubernetesServer, tmp_path: Path
) -> None:
    (tmp_path / "ca.crt").write_text(kubernetes.ca_file.read_text())
    (tmp_path / "reviewer.jwt").write_text(kubernetes.issue("vault", "vault"))
    host = kubernetes.address
    pages.run_commands("kubernetes", vault_with_plugins, tmp_path, KUBERNETES_HOST=host)
    auth = pages.settings("kubernetes", tmp_path)
    assert isinstance(auth, KubernetesAuth)
    token = tmp_path / "token"
    token.write_text(kubernetes.issue("shop", "billing", ["vault"]))
    client = make_client(vault_with_plugins.address, replace(auth, token_file=token))
    login = await client.log_in(None, lambda _: pytest.fail("nothing was to be unwrapped"))
    assert (login.duration, login.renewable) == (3600.0, True)
    vault_with_plugins.request("DELETE", "sys/auth/kubernetes")
