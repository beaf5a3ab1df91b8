"""From a fresh Vault to a running agent: `init`, `policy --setup`, `check --online`, `run`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.vault import VaultServer
from tests.logins.issuer import AUDIENCE, ISSUER, SUBJECT, Issuer
from tests.support.fresh_vault import (
    assert_check_passes,
    assert_key_is_minted,
    initialized_agent,
    run_setup,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from testbed.emulator.process import OpenAIServer


@pytest.fixture
def fresh() -> Iterator[VaultServer]:
    with VaultServer() as server:
        yield server


@pytest.mark.parametrize("method", ["approle", "token"])
def test_credentials(
    fresh: VaultServer, openai_server: OpenAIServer, tmpfs_path: Path, method: str
) -> None:
    agent = initialized_agent(tmpfs_path, fresh.address, openai_server, "--method", method)
    run_setup(agent, fresh, openai_server)
    assert_check_passes(agent)
    assert_key_is_minted(agent)


def test_jwt(fresh: VaultServer, openai_server: OpenAIServer, tmpfs_path: Path) -> None:
    issuer = Issuer()
    agent = initialized_agent(tmpfs_path, fresh.address, openai_server, "--method", "jwt")
    (tmpfs_path / "jwt").write_text(issuer.token())
    with issuer.serve_keys() as url:
        # An issuer that is asked for its discovery document has to speak https.
        own = {"oidc_discovery_url='<ISSUER>'": f"jwks_url={url}", "<ISSUER>": ISSUER}
        filled_in = {**own, "<CLAIM>": "sub", "<VALUE>": SUBJECT, "<AUDIENCE>": AUDIENCE}
        run_setup(agent, fresh, openai_server, filled_in)
        assert_check_passes(agent)
        assert_key_is_minted(agent)
