"""The commands of docs/federation.md, as they stand there, from `init` to the check."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from freshkey.settings import load

from testbed.binaries import VAULT, binary
from testbed.federation import PROVIDERS, federate
from testbed.vault import VaultServer
from tests.docs.pages import commands, tables
from tests.logins.issuer import AUDIENCE, ISSUER, SUBJECT, Issuer

if TYPE_CHECKING:
    from testbed.emulator.process import OpenAIServer


EVALUATE = """
import http.client, os
connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["OPENAI_PORT"]), timeout=10)
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
connection.request("GET", "/v1/models", headers=headers)
print(connection.getresponse().status)
"""


def run(script: str, directory: Path, **variables: str) -> str:
    places = (Path(sys.executable).parent, binary(VAULT).parent, os.defpath)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=directory,
        env={"PATH": os.pathsep.join(map(str, places)), "HOME": str(directory), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_vault_vouches(openai_server: OpenAIServer, tmpfs_path: Path) -> None:
    openai_server.reset()
    project = openai_server.create_project("page")
    account, _ = openai_server.create_key(project)
    config = tmpfs_path / "freshkey.toml"
    with VaultServer() as vault:
        ids = {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.token}
        run(commands("federation-init"), tmpfs_path, SERVICE_ACCOUNT_ID=account, **ids)
        text = config.read_text().replace("/run/freshkey/keys", "keys")
        here = f'exchange_url = "{openai_server.exchange_url}"\n'
        text = text.replace("identity_provider_id", f"{here}identity_provider_id")
        text += f'[keys.billing.verify]\nbase_url = "{openai_server.base_url}"\n'
        text += '[state]\ndirectory = "state"\n[server]\nsocket = "freshkey.sock"\n'
        config.write_text(text)
        run(commands("federation-setup"), tmpfs_path)
        script = (tmpfs_path / "federation-setup.sh").read_text().replace("<PROJECT_ID>", project)
        said = run(script, tmpfs_path, OPENAI_ADMIN_KEY="sk-admin-emulator", **ids)
        (provider,) = openai_server.admin("GET", PROVIDERS)["data"]
        told = f'identity_provider_id = "{provider["id"]}" goes into keys.billing.federation\n'
        assert said.endswith(told)
        config.write_text(text.replace("IDENTITY_PROVIDER_ID", provider["id"]))
        told = run(commands("federation-check"), tmpfs_path)
        assert "no faults, no warnings" in told
        assert len(openai_server.state()["access_tokens"]) == 1


def test_a_job_without_vault(openai_server: OpenAIServer, tmpfs_path: Path) -> None:
    openai_server.reset()
    issuer = Issuer()
    account = federate(openai_server, openai_server.create_project("ci"), ISSUER, {"sub": SUBJECT})
    keys = {"type": "uploaded_jwks", "jwks": issuer.jwks}
    account.update_provider(verification=keys, audience=AUDIENCE)
    (table,) = tables("federation.md")
    for old, new in (
        ("idp_…", account.provider_id),
        ("svc_acct_…", account.account_id),
        ("/var/run/secrets/openai/token", "identity-token"),
        ("/run/freshkey/keys", "keys"),
        ("[[keys", f'exchange_url = "{openai_server.exchange_url}"\n[[keys'),
    ):
        assert old in table
        table = table.replace(old, new)
    table += f'[keys.billing.verify]\nbase_url = "{openai_server.base_url}"\n'
    table += '[state]\ndirectory = "state"\n[server]\nsocket = "freshkey.sock"\n'
    (tmpfs_path / "freshkey.toml").write_text(table)
    (tmpfs_path / "identity-token").write_text(issuer.token())
    (tmpfs_path / "evaluate.py").write_text(EVALUATE)
    said = run(commands("federation-ci"), tmpfs_path, OPENAI_PORT=f"{openai_server.port}")
    assert said == "200\n"


def test_the_example_of_a_projected_token(tmp_path: Path) -> None:
    (table,) = tables("federation.md")
    (tmp_path / "config.toml").write_text(re.sub("…", "1", table))
    settings = load(tmp_path / "config.toml", {})
    assert not settings.uses_vault
