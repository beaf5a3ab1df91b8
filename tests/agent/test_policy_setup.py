"""`freshkey policy --setup`, word for word in a fresh Vault; then the agent starts."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from testbed.process import ReservedPort
from testbed.vault import VaultServer
from tests.logins.issuer import AUDIENCE, ISSUER, REPOSITORY, Issuer
from tests.support.fresh_vault import (
    assert_check_passes,
    assert_key_is_minted,
    configure_agent,
    run_setup,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer
    from tests.vault.authority import CertificateAuthority

CREDENTIALS = {
    "approle": 'role_id_file = "role_id"\nsecret_id_file = "secret_id"',
    "approle, its role-id given": 'role_id = "billing"\nsecret_id_file = "secret_id"',
    "token": 'method = "token"\ntoken_file = "token"',
    "userpass": 'method = "userpass"\nmount = "people"\nusername = "a"\npassword_file = "password"',
}


@pytest.fixture
def fresh() -> Iterator[VaultServer]:
    with VaultServer() as server:
        yield server


@pytest.mark.parametrize("auth", CREDENTIALS.values(), ids=CREDENTIALS)
def test_credentials(
    fresh: VaultServer,
    openai_server: OpenAIServer,
    tmpfs_path: Path,
    auth: str,
) -> None:
    agent = configure_agent(tmpfs_path, fresh.address, openai_server, auth)
    run_setup(agent, fresh, openai_server)
    assert_check_passes(agent)
    assert_key_is_minted(agent)


def test_a_wrapped_secret_id(
    fresh: VaultServer,
    openai_server: OpenAIServer,
    tmpfs_path: Path,
) -> None:
    auth = f"{CREDENTIALS['approle']}\nsecret_id_wrapped = true"
    agent = configure_agent(tmpfs_path, fresh.address, openai_server, auth)
    run_setup(agent, fresh, openai_server)
    assert_key_is_minted(agent)


@pytest.mark.parametrize("role", ['role = "billing"\n', ""])
def test_jwt(
    fresh: VaultServer,
    openai_server: OpenAIServer,
    tmpfs_path: Path,
    role: str,
) -> None:
    issuer = Issuer()
    (tmpfs_path / "jwt").write_text(issuer.token())
    auth = f'method = "jwt"\n{role}jwt_file = "jwt"'
    agent = configure_agent(tmpfs_path, fresh.address, openai_server, auth)
    with issuer.serve_keys() as url:
        # An issuer that is asked for its discovery document has to speak https.
        own = {"oidc_discovery_url='<ISSUER>'": f"jwks_url={url}", "<ISSUER>": ISSUER}
        whose = {"<CLAIM>": "repository", "<VALUE>": REPOSITORY, "<AUDIENCE>": AUDIENCE}
        run_setup(agent, fresh, openai_server, own | whose)
        assert_check_passes(agent)
        assert_key_is_minted(agent)
        (tmpfs_path / "jwt").write_text(issuer.token(repository="shop/else"))
        refused = agent.command("check", "--online")
    assert refused.returncode == 1
    assert "set the role's bound_claims to what the token claims" in refused.stdout


def test_cert(
    authority: CertificateAuthority,
    openai_server: OpenAIServer,
    tmpfs_path: Path,
) -> None:
    files, own = authority.issue(), authority.issue(common_name="agent.example")
    own["private_key"].chmod(0o600)
    with closing(ReservedPort()) as port:
        address = f"127.0.0.1:{port.number}"
        listener = {
            "address": address,
            "tls_cert_file": str(files["certificate"]),
            "tls_key_file": str(files["private_key"]),
        }
        tls = f"""
ca_file = "{authority.ca_file}"
client_cert_file = "{own["certificate"]}"
client_key_file = "{own["private_key"]}"
"""
        with VaultServer(settings={"listener": {"tcp": listener}}) as vault:
            agent = configure_agent(
                tmpfs_path, f"https://{address}", openai_server, 'method = "cert"', tls
            )
            known = {"<CA_CERTIFICATE.pem>": str(authority.ca_file)}
            run_setup(agent, vault, openai_server, {**known, "<AGENT_NAME>": "agent.example"})
            assert_check_passes(agent)
            assert_key_is_minted(agent)


def test_a_password_that_the_agent_has_used_and_removed(
    fresh: VaultServer,
    openai_server: OpenAIServer,
    tmpfs_path: Path,
) -> None:
    auth = f"{CREDENTIALS['userpass']}\nremove_password_file = true"
    agent = configure_agent(tmpfs_path, fresh.address, openai_server, auth)
    run_setup(agent, fresh, openai_server)
    assert_check_passes(agent)
    assert (tmpfs_path / "password").exists()
    assert_key_is_minted(agent)
    assert not (tmpfs_path / "password").exists()
    assert_check_passes(agent)
