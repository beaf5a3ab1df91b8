"""The pages of login methods, done word for word against the real Vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.documented import client, code_blocks, run_commands
from tests.vault.login.test_login import nothing_to_unwrap

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.core.model.grants import Unwrapped

    from testbed.vault import VaultServer


@pytest.fixture(autouse=True)
def policy(vault: VaultServer) -> None:
    vault.write_policy("freshkey", 'path "openai/creds/billing" { capabilities = ["read"] }')


def policies(vault: VaultServer, accessor: str) -> set[str]:
    fields = {"accessor": accessor}
    return set(vault.request("POST", "auth/token/lookup-accessor", fields)["data"]["policies"])


@pytest.mark.parametrize("method", ["token", "userpass"])
async def test_a_method(vault: VaultServer, tmp_path: Path, method: str) -> None:
    (commands,) = code_blocks(method, "sh")
    run_commands(vault, commands, tmp_path)
    login = await client(method, vault.address, tmp_path).log_in(None, nothing_to_unwrap)
    assert login.owned == (method != "token")
    assert login.duration == pytest.approx(3600, abs=60)
    assert login.renewable
    assert policies(vault, login.accessor) == {"default", "freshkey"}


async def test_approle_plain_and_wrapped(vault: VaultServer, tmp_path: Path) -> None:
    plain, wrapped = code_blocks("approle", "sh")
    run_commands(vault, plain, tmp_path)
    login = await client("approle", vault.address, tmp_path).log_in(None, nothing_to_unwrap)
    assert policies(vault, login.accessor) == {"default", "freshkey"}
    run_commands(vault, wrapped, tmp_path)
    stored: list[Unwrapped] = []
    sealed = client("approle", vault.address, tmp_path, "secret_id_wrapped = true")
    assert (await sealed.log_in(None, stored.append)).owned
    assert len(stored) == 1
