"""docs/static-keys.md does what it says, word for word."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultError
from freshkey.core.model.secret import Secret
from freshkey.settings import load

from testbed.binaries import VAULT, binary
from tests.settings.files import NO_VARIABLES, config, written
from tests.vault.conftest import make_client

if TYPE_CHECKING:
    from testbed.vault import VaultServer

TEXT = (Path(__file__).parents[2] / "docs/static-keys.md").read_text()
COMMANDS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
TABLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def run(vault: VaultServer, commands: str, home: Path) -> None:
    environment = {"VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.token, "HOME": str(home)}
    path = f"{binary(VAULT).parent}:{os.defpath}"
    subprocess.run(
        ["sh", "-ec", commands],
        env={"PATH": path, **environment},
        input="sk-by-hand",
        text=True,
        check=True,
        capture_output=True,
    )


async def test_what_it_says(vault: VaultServer, tmp_path: Path) -> None:
    paths = []
    for table in TABLES:
        text = config().replace('[keys.billing]\npath = "openai/creds/billing"', table)
        paths.append(load(written(tmp_path, text), NO_VARIABLES).keys["billing"].path)
    first, second = COMMANDS
    run(vault, first, tmp_path)
    fields = {"policies": ["default", "freshkey"], "ttl": "60s"}
    made = vault.request("POST", "auth/token/create", fields)
    token, client = Secret(made["auth"]["client_token"]), make_client(vault.address)
    assert (await client.read(token, paths[0], "api_key")).secret == Secret("sk-by-hand")
    run(vault, second, tmp_path)
    asked = {"paths": [*paths, "sys/leases/revoke/openai/creds/billing/x"]}
    able = vault.request("POST", "sys/capabilities-self", asked, token=token.reveal())["data"]
    assert [able[path] for path in asked["paths"]] == [["read"], ["read"], ["update"]]

    messages = []
    policy = 'path "kv/openai/billing" { capabilities = ["read"] }'
    vault.write_policy("freshkey", policy)
    for path in ("kv/openai/billing", paths[0]):
        with pytest.raises(FaultError) as caught:
            await client.read(token, path, "api_key")
        messages.append(caught.value.fault.message)
    vault.request("POST", "kv/data/openai/billing", {"data": {"value": "sk-by-hand"}})
    for _ in range(2):
        with pytest.raises(FaultError) as caught:
            await client.read(Secret(vault.token), paths[0], "api_key")
        messages.append(caught.value.fault.message)
        vault.request("DELETE", "kv/data/openai/billing")
    for message in messages:
        assert re.sub(r"version 2 was deleted at \S+:", "version 1 was deleted at …:", message) in (
            TEXT
        )
