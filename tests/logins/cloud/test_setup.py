"""`freshkey policy --setup` for aws and gcp, word for word; then the agent gets a key.

Vault has to be told where the stand-ins for the clouds are. Azure's plugin is not built here.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from testbed.binaries import AWS_PLUGIN, GCP_PLUGIN, binary
from testbed.vault import VaultServer
from tests.logins.cloud.google import ACCOUNT, PROJECT
from tests.support.fresh_vault import (
    assert_check_passes,
    assert_key_is_minted,
    configure_agent,
    run_setup,
)

if TYPE_CHECKING:
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer
    from tests.logins.cloud.google import Google
    from tests.logins.cloud.sts import Sts

pytestmark = pytest.mark.logins


def test_aws(sts: Sts, openai_server: OpenAIServer, tmpfs_path: Path) -> None:
    access_key_id, secret = sts.make_user("setup")
    auth = 'method = "aws"\nrole = "billing"\nheader_value = "vault.example"'
    known = {"<ARN_OF_THE_IAM_ROLE>": "arn:aws:iam::123456789012:user/setup"}
    with VaultServer(auth_plugins={"aws": AWS_PLUGIN}) as vault:
        agent = configure_agent(tmpfs_path, vault.address, openai_server, auth)
        agent.environment = {"AWS_ACCESS_KEY_ID": access_key_id, "AWS_SECRET_ACCESS_KEY": secret}
        run_setup(agent, vault, openai_server, known)
        away = {"sts_endpoint": sts.address, "sts_region": "us-east-1"}
        vault.request("POST", "auth/aws/config/client", away)
        assert_check_passes(agent)
        assert_key_is_minted(agent)


def test_gcp(google: Google, openai_server: OpenAIServer, tmpfs_path: Path, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.json"
    credentials.write_text(google.application_credentials())
    auth = 'method = "gcp"\nrole = "billing"'
    with VaultServer(auth_plugins={"gcp": GCP_PLUGIN}) as vault:
        digest = sha256(binary(GCP_PLUGIN).read_bytes()).hexdigest()
        env = [f"GOOGLE_APPLICATION_CREDENTIALS={credentials}"]
        fields = {"sha256": digest, "command": GCP_PLUGIN, "env": env}
        vault.request("PUT", "sys/plugins/catalog/auth/gcp", fields)
        agent = configure_agent(tmpfs_path, vault.address, openai_server, auth)
        agent.environment = {"GCE_METADATA_HOST": google.address.removeprefix("http://")}
        known = {"<SERVICE_ACCOUNT>": ACCOUNT, "<PROJECT>": PROJECT}
        run_setup(agent, vault, openai_server, known)
        endpoints = dict.fromkeys(("api", "iam", "compute"), google.address)
        vault.request("POST", "auth/gcp/config", {"custom_endpoint": endpoints})
        assert_check_passes(agent)
        assert_key_is_minted(agent)
