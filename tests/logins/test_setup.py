"""`freshkey policy --setup` for kubernetes and ldap, word for word; then the agent gets a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.binaries import KUBERNETES_PLUGIN, LDAP_PLUGIN
from testbed.vault import VaultServer
from tests.logins import slapd
from tests.logins.slapd import SUFFIX, Slapd
from tests.support.fresh_vault import (
    assert_check_passes,
    assert_key_is_minted,
    configure_agent,
    initialized_agent,
    run_setup,
)

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer
    from testbed.kubernetes import KubernetesServer

pytestmark = pytest.mark.logins


def kubernetes_login(kubernetes: KubernetesServer, directory: Path) -> dict[str, str]:
    """Write the pod's token and the reviewer's; return what an operator fills in."""
    (directory / "token").write_text(kubernetes.issue("shop", "billing", ["vault"]))
    (directory / "reviewer.jwt").write_text(kubernetes.issue("vault", "vault"))
    return {
        "<https://API_SERVER>": kubernetes.address,
        "<CA.crt>": str(kubernetes.ca_file),
        "<REVIEWER.jwt>": "reviewer.jwt",
        "<AUDIENCE>": "vault",
        "<SERVICE_ACCOUNT>": "billing",
        "<NAMESPACE>": "shop",
    }


def test_kubernetes(
    kubernetes: KubernetesServer, openai_server: OpenAIServer, tmpfs_path: Path
) -> None:
    auth = 'method = "kubernetes"\nrole = "billing"\ntoken_file = "token"'
    known = kubernetes_login(kubernetes, tmpfs_path)
    with VaultServer(auth_plugins={"kubernetes": KUBERNETES_PLUGIN}) as vault:
        agent = configure_agent(tmpfs_path, vault.address, openai_server, auth)
        run_setup(agent, vault, openai_server, known)
        assert_check_passes(agent)
        assert_key_is_minted(agent)


def test_kubernetes_from_init_to_a_key(
    kubernetes: KubernetesServer, openai_server: OpenAIServer, tmpfs_path: Path
) -> None:
    """`init` names the pod's own token, which here is another file."""
    options = ("--method", "kubernetes", "--role", "billing")
    with VaultServer(auth_plugins={"kubernetes": KUBERNETES_PLUGIN}) as vault:
        agent = initialized_agent(tmpfs_path, vault.address, openai_server, *options)
        text = agent.config.read_text()
        agent.config.write_text(text.replace("[auth]", '[auth]\ntoken_file = "token"'))
        known = kubernetes_login(kubernetes, tmpfs_path)
        run_setup(agent, vault, openai_server, known)
        assert_check_passes(agent)
        assert_key_is_minted(agent)


def test_ldap(openai_server: OpenAIServer, tmpfs_path: Path, tmp_path: Path) -> None:
    (tmpfs_path / "password").write_text("correct horse")
    (tmpfs_path / "password").chmod(0o600)
    auth = 'method = "ldap"\nusername = "agent"\npassword_file = "password"'
    with (
        Slapd(slapd.found(), tmp_path) as directory,
        VaultServer(auth_plugins={"ldap": LDAP_PLUGIN}) as vault,
    ):
        directory.stop()
        directory.add_user("agent", "correct horse")
        directory.add_user("other", "battery staple")
        directory.start()
        known = {"<LDAPS_URL>": directory.url, "<OU=SERVICES,DC=EXAMPLE>": SUFFIX, "<CN>": "cn"}
        agent = configure_agent(tmpfs_path, vault.address, openai_server, auth)
        run_setup(agent, vault, openai_server, known)
        assert_check_passes(agent)
        assert_key_is_minted(agent)
        assert policies(vault, "agent", "correct horse")
        assert policies(vault, "other", "battery staple") == []


def policies(vault: VaultServer, user: str, password: str) -> list[str]:
    """Log in by ldap; return what the token may do."""
    answer = vault.request("POST", f"auth/ldap/login/{user}", {"password": password})
    found: list[str] = answer["auth"]["policies"]
    return found
