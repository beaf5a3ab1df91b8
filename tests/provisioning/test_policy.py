"""`freshkey policy`, as far as no Vault is needed for it."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from freshkey.cli.main import main

from tests.settings.files import config, written

if TYPE_CHECKING:
    from pathlib import Path


def printed(
    directory: Path, capsys: pytest.CaptureFixture[str], *options: str, **parts: str
) -> str:
    path = written(directory, config(**parts))
    assert main(["policy", *options, "--config", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_the_machine_is_not_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(tmp_path, capsys, more='[state]\ndirectory = "/nowhere"')
    assert text.startswith("# keys.billing: a read gives the key\n")
    assert text.endswith("}\n")


@pytest.mark.parametrize("variable", [None, "", "an operator's own"])
def test_the_token_is_not_looked_at(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variable: str | None,
) -> None:
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    if variable is not None:
        monkeypatch.setenv("VAULT_TOKEN", variable)
    auth = 'method = "token"'
    assert "auth/token/renew-self" in printed(tmp_path, capsys, auth=auth)
    text = printed(tmp_path, capsys, "--setup", auth=auth)
    assert text.endswith("# Give the agent: token, in the variable VAULT_TOKEN\n")


@pytest.mark.parametrize("path", ["kv/*", "kv/+/x", "+/x", "kv/x+*", "kv/{{x}}"])
def test_a_path_that_a_policy_would_read_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    text = config(more=f"[keys.odd]\npath = '{path}'\n")
    assert main(["policy", "--config", str(written(tmp_path, text))]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"freshkey: keys.odd.path {path}: a policy can't name it")


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ('kv/"x', r"kv/\"x"),
        ("kv/${x}", r"kv/\u0024{x}"),
        ("kv/a\\n", r"kv/a\\n"),
        ("kv/with space/\u00fc", "kv/with space/\u00fc"),
    ],
)
def test_an_odd_path_is_quoted_as_hcl_wants_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str, quoted: str
) -> None:
    text = config(more=f"[keys.odd]\npath = '{path}'\n")
    assert main(["policy", "--config", str(written(tmp_path, text))]) == 0
    assert f'path "{quoted}" {{' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("auth", "holds"),
    [
        ('method = "azure"\nrole = "billing"', "bound_subscription_ids='<SUBSCRIPTION_ID>'"),
        ('method = "aws"\nsts_region = "eu-central-1"', "sts_region=eu-central-1 sts_endpoint=h"),
        ('method = "gcp"\nrole = "a"\ntype = "iam"', "type=iam \\\n    bound_service_accounts='<S"),
        ('method = "token"\ntoken_file = "token"', "vault token create -orphan -no-default-policy"),
        (
            'method = "ldap"\nusername = "a;b"\npassword_file = "p"',
            "auth/ldap/users/'a;b' policies",
        ),
    ],
)
def test_commands_that_a_shell_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], auth: str, holds: str
) -> None:
    text = printed(tmp_path, capsys, "--setup", auth=auth)
    assert holds in text
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize(
    "auth",
    [
        'method = "ldap"\nusername = "a"\npassword_file = "p"',
        'method = "kubernetes"\nrole = "a"',
        'method = "jwt"\njwt_file = "jwt"',
        'method = "aws"\nsts_region = "eu-central-1"',
        'method = "azure"\nrole = "a"',
    ],
)
def test_what_holds_for_every_login_of_a_mount_gives_no_policy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], auth: str
) -> None:
    text = printed(tmp_path, capsys, "--setup", auth=auth).replace("\\\n", "")
    configs = re.findall(r"^vault write auth/\w+/config.*", text, re.MULTILINE)
    assert configs
    assert not [line for line in configs if "policies=" in line]


def test_an_engine_and_its_roles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = """
[keys.long]
path = "openai/creds/long"
ttl = "24h"
[keys.static]
path = "kv/data/openai"
"""
    text = printed(tmp_path, capsys, "--setup", more=more)
    assert text.count("vault secrets enable") == 1
    assert "openai/roles/billing project_id='<PROJECT_ID>' ttl=1h max_ttl=24h\n" in text
    assert "openai/roles/long project_id='<PROJECT_ID>' ttl=24h max_ttl=48h\n" in text
    assert "# keys.static: kv/data/openai is not the OpenAI engine's" in text
    assert "token_period=48h" in text
    assert "api_endpoint" not in text
    assert "VAULT_NAMESPACE" not in text


@pytest.mark.parametrize(
    ("others", "name"),
    [
        ([], "freshkey-billing"),
        (["z", "a_1"], "freshkey-a_1-billing-z"),
        (["c" * 42, "d"], f"freshkey-billing-{'c' * 42}"),
        (["c" * 63], f"freshkey-billing-{'c' * 43}"),
    ],
)
def test_agents_have_policies_and_roles_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], others: list[str], name: str
) -> None:
    more = "".join(f'[keys.{other}]\npath = "openai/creds/{other}"\n' for other in others)
    text = printed(tmp_path, capsys, "--setup", more=more)
    assert f"vault policy write {name} - <<" in text
    assert f"vault write auth/approle/role/{name} token_policies={name} " in text


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/v1", "https://localhost/v1"])
def test_an_emulator_makes_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    more = f'[keys.billing.verify]\nbase_url = "{url}"\n'
    text = printed(tmp_path, capsys, "--setup", more=more)
    assert f"organization_id='<ORGANIZATION_ID>' api_endpoint={url}\n" in text


def test_a_gateway_is_not_given_the_admin_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "https://gateway.example/v1"
    more = f"""
[keys.billing.verify]
base_url = "{url}"
[keys.long]
path = "openai/creds/long"
verify.base_url = "{url}"
"""
    text = printed(tmp_path, capsys, "--setup", more=more)
    lines = [line for line in text.splitlines() if url in line]
    assert lines == [f"# Keys are tested at {url}.", f"# api_endpoint={url}"]


def test_a_namespace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vault = 'address = "https://vault.example:8200"\nnamespace = "team/a"'
    assert "export VAULT_NAMESPACE=team/a\n" in printed(tmp_path, capsys, "--setup", vault=vault)
