"""The whole agent with the identity of a cloud: from the configuration to a key file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer
    from testbed.vault import VaultServer
    from tests.logins.cloud.sts import Sts

pytestmark = pytest.mark.logins
_NUMBERS = count(1)


@pytest.fixture
def config(
    vault_with_plugins: VaultServer, openai_server: OpenAIServer, sts: Sts, tmp_path: Path
) -> Path:
    """An agent that logs in by aws, for a role that may mint and revoke one key."""
    openai_server.reset()
    mount = f"openai-aws-{next(_NUMBERS)}"
    vault_with_plugins.enable_openai(mount, openai_server.base_url)
    vault_with_plugins.write_role(mount, "billing", ttl="5m")
    policy = f"""
        path "{mount}/creds/billing" {{ capabilities = ["read"] }}
        path "sys/leases/revoke/{mount}/creds/billing/*" {{ capabilities = ["update"] }}
    """
    vault_with_plugins.write_policy(mount, policy)
    vault_with_plugins.request("POST", f"sys/auth/{mount}", {"type": "aws"})
    client = {"sts_endpoint": sts.address, "sts_region": "us-east-1"}
    vault_with_plugins.request("POST", f"auth/{mount}/config/client", client)
    role = {
        "auth_type": "iam",
        "bound_iam_principal_arn": f"arn:aws:iam::123456789012:user/{mount}",
        "resolve_aws_unique_ids": False,
        "token_policies": mount,
        "token_ttl": "1h",
    }
    vault_with_plugins.request("POST", f"auth/{mount}/role/agent", role)
    file = tmp_path / "config.toml"
    file.write_text(f"""
[vault]
address = "{vault_with_plugins.address}"
[auth]
method = "aws"
mount = "{mount}"
role = "agent"
[state]
directory = "state"
allow_disk = true
[server]
socket = "freshkey.sock"
[keys.billing]
path = "{mount}/creds/billing"
[keys.billing.verify]
base_url = "{openai_server.base_url}"
[[keys.billing.files]]
path = "keys/billing"
""")
    return file


def once(
    config: Path, environ: Mapping[str, str], timeout: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "freshkey", "once", "--timeout", timeout, "--config", str(config)],
        env={"PATH": os.defpath, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_key_by_the_identity_of_a_cloud(
    config: Path, vault_with_plugins: VaultServer, sts: Sts
) -> None:
    user = config.read_text().partition('mount = "')[2].partition('"')[0]
    access_key_id, secret = sts.make_user(user)
    environ = {"AWS_ACCESS_KEY_ID": access_key_id, "AWS_SECRET_ACCESS_KEY": secret}
    done = once(config, environ, "30s")
    assert done.returncode == 0, done.stderr
    assert (config.parent / "keys" / "billing").read_text().startswith("sk-")
    everything = [path.read_text() for path in config.parent.rglob("*") if path.is_file()]
    assert not any(secret in text for text in (done.stdout, done.stderr, *everything))


def test_a_cloud_that_is_away_is_no_outage_of_vault(config: Path) -> None:
    environ = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1"}
    done = once(config, environ, "3s")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    [failed, *_] = [line for line in lines if line["event"] == "token.login_failed"]
    assert failed["fault"] == FaultKind.UPSTREAM
    assert "instance metadata service at http://127.0.0.1:1 can't be reached" in failed["message"]
    assert not any(line["event"].startswith("vault.") for line in lines)
