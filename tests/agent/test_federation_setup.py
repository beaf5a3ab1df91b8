"""From `init` to a key: `policy --setup` in a fresh Vault and at OpenAI, and `check --online`."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from testbed.federation import PROVIDERS
from testbed.vault import VaultServer
from tests.agent.harness import Agent
from tests.agent.reconfiguring import change
from tests.logins.issuer import Issuer
from tests.support.documented import run_commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer

ADMIN_KEY = "sk-admin-emulator"


@pytest.fixture
def fresh() -> Iterator[VaultServer]:
    with VaultServer() as server:
        yield server


class Team:
    """A project with a service account, and an agent whose configuration `init` writes."""

    def __init__(self, directory: Path, openai: OpenAIServer) -> None:
        openai.reset()
        self.openai, self.agent = openai, Agent(directory)
        self.project = openai.create_project("fresh")
        self.account, _ = openai.create_key(self.project)

    def init(self, *options: str) -> str:
        account = ("--service-account", self.account)
        done = self.agent.command("init", "--key", "billing", *account, *options)
        assert (done.returncode, done.stderr) == (0, "")
        text = self.agent.config.read_text().replace("/run/freshkey/keys", "keys")
        text = text.replace(
            "[keys.billing.federation]\n",
            f'[keys.billing.federation]\nexchange_url = "{self.openai.exchange_url}"\n',
        )
        own = f"""
[keys.billing.verify]
base_url = "{self.openai.base_url}"
[state]
directory = "state"
[server]
socket = "freshkey.sock"
"""
        self.agent.config.write_text(text + own)
        return done.stdout

    def run_setup(self, vault: VaultServer, **filled: str) -> None:
        """Run what is printed, with what an operator fills in; take the new id over."""
        printed = self.agent.command("policy", "--setup")
        assert (printed.returncode, printed.stderr) == (0, "")
        commands = printed.stdout.replace("<PROJECT_ID>", self.project)
        for name, value in filled.items():
            commands = commands.replace(f"<{name}>", value)
        assert not re.search(r"^[^#]*'<", commands, re.MULTILINE), commands
        run_commands(vault, commands, self.agent.directory, OPENAI_ADMIN_KEY=ADMIN_KEY)
        (provider,) = self.openai.admin("GET", PROVIDERS)["data"]
        change(self.agent, "IDENTITY_PROVIDER_ID", provider["id"])

    def check(self, *options: str) -> tuple[int, str]:
        done = self.agent.command("check", "--online", *options)
        assert done.stderr == ""
        return done.returncode, re.sub(" +", " ", done.stdout)

    def get_a_key(self) -> None:
        self.agent.start()
        try:
            assert self.agent.wait_for_key()["generation"] == 1
            assert self.agent.end() == 0
        finally:
            self.agent.close()


@pytest.mark.parametrize("method", ["approle", "userpass"])
def test_vault_vouches(
    fresh: VaultServer, openai_server: OpenAIServer, tmpfs_path: Path, method: str
) -> None:
    team = Team(tmpfs_path, openai_server)
    username = ("--username", "agent") if method == "userpass" else ()
    said = team.init(
        "--address", fresh.address, "--method", method, "--oidc-role", "freshkey", *username
    )
    assert "what an operator enters in Vault, and at OpenAI" in said
    team.run_setup(fresh)
    status, told = team.check()
    assert status == 0, told
    assert "no faults, no warnings" in told
    assert 'vault_oidc_role the token has issuer "http://127.0.0.1' in told
    assert 'audience "https://api.openai.com/v1", ends in 3' in told
    assert "`read` on identity/oidc/token/freshkey" in told
    assert openai_server.state()["access_tokens"] == [], "nothing is exchanged"
    status, told = team.check("--exchange")
    assert status == 0, told
    assert re.search(r"gave an access token for (1h|59m5\ds), which nobody uses or keeps", told)
    team.get_a_key()


def test_a_policy_that_is_no_more_than_needed(
    fresh: VaultServer, openai_server: OpenAIServer, tmpfs_path: Path
) -> None:
    team = Team(tmpfs_path, openai_server)
    team.init("--address", fresh.address, "--oidc-role", "freshkey")
    done = team.agent.command("policy")
    paths = re.findall(r'^path "(.*)"', done.stdout, re.MULTILINE)
    assert paths[0] == "identity/oidc/token/freshkey"
    assert set(paths[1:]) == {
        "auth/token/lookup-self",
        "auth/token/renew-self",
        "auth/token/revoke-self",
        "sys/capabilities-self",
    }


def test_what_is_wrong_is_found(
    fresh: VaultServer, openai_server: OpenAIServer, tmpfs_path: Path
) -> None:
    team = Team(tmpfs_path, openai_server)
    team.init("--address", fresh.address, "--oidc-role", "freshkey")
    team.run_setup(fresh)
    change(team.agent, "[keys.billing.federation]", 'overlap = "40m"\n[keys.billing.federation]')
    change(team.agent, 'vault_oidc_role = "freshkey"', 'vault_oidc_role = "nobody"')
    status, told = team.check()
    assert status == 1
    assert "do not give `read` on identity/oidc/token/nobody" in told
    assert "1 fault," in told
    change(team.agent, 'vault_oidc_role = "nobody"', 'vault_oidc_role = "freshkey"')
    change(team.agent, team.account, "svc_acct_other")
    status, told = team.check("--exchange")
    assert status == 1
    assert "too short for an overlap of 40m" in told
    assert "No service account mapping matches the subject token." in told


def test_a_file_vouches(fresh: VaultServer, openai_server: OpenAIServer, tmpfs_path: Path) -> None:
    """With an issuer whose keys were uploaded, as for one that OpenAI can't reach."""
    team, issuer = Team(tmpfs_path, openai_server), Issuer()
    said = team.init("--token-file", "identity")
    assert "what an operator enters at OpenAI" in said
    assert "[vault]" not in team.agent.config.read_text()
    assert team.agent.command("policy").stdout == "# No key needs Vault.\n"
    unfilled = subprocess.run(
        ["sh", "-c", team.agent.command("policy", "--setup").stdout],
        env={"PATH": os.defpath, "OPENAI_ADMIN_KEY": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (unfilled.returncode, unfilled.stderr) == (
        1,
        "fill in what stands in <…>, here and above\n",
    )
    team.run_setup(
        fresh, ISSUER="https://issuer.example", AUDIENCE="https://api.openai.com/v1", SUBJECT="job"
    )
    status, told = team.check()
    assert status == 1
    assert "does not exist: put the credential there" in told
    (tmpfs_path / "identity").write_text(issuer.token())
    status, told = team.check()
    assert "subject_token_file" in told
    assert "vault.address" not in told


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ("--token-file", "x", "--address", "http://v"),
            "--address is for Vault, and --token-file",
        ),
        (("--token-file", "x", "--path", "a/b"), "--path is for a key of Vault's"),
        (("--oidc-role", "x", "--address", "http://v"), "--service-account is missing"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: tuple[str, ...], line: str) -> None:
    done = Agent(tmp_path).command("init", "--key", "billing", *options)
    assert done.returncode == 2
    assert line in done.stderr


def test_the_exchange_goes_with_the_online_check(tmp_path: Path) -> None:
    done = Agent(tmp_path).command("check", "--exchange")
    assert (done.returncode, "it needs --online, too" in done.stderr) == (2, True)
