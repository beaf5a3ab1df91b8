"""Secrets without a lease, against Vault's own KV engines, versions 1 and 2."""

from __future__ import annotations

from itertools import count
from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.secret import Secret

from tests.vault.conftest import Engine, make_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.core.model.faults import Fault

    from testbed.vault import VaultServer

_NUMBERS = count(1)


@pytest.fixture(params=[1, 2])
def mount(vault: VaultServer, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"kv-{next(_NUMBERS)}"
    vault.enable_kv(name, request.param)
    yield f"{name}/data" if request.param == 2 else name
    vault.request("DELETE", f"sys/mounts/{name}")


async def fault_at(vault: VaultServer, path: str, field: str = "api_key") -> Fault:
    """Read a path where there is no key; both kinds of read fail alike."""
    client, token = make_client(vault.address), Secret(vault.token)
    with pytest.raises(FaultError) as minting:
        await client.mint(token, path, field, 60.0)
    with pytest.raises(FaultError) as caught:
        await client.read(token, path, field)
    assert minting.value.fault == caught.value.fault
    assert "sk-static" not in caught.value.fault.message
    return caught.value.fault


def put(vault: VaultServer, mount: str, **fields: str) -> None:
    vault.request("POST", f"{mount}/a", {"data": fields} if mount.endswith("/data") else fields)


async def test_a_key_that_is_kept(vault: VaultServer, mount: str) -> None:
    put(vault, mount, api_key="sk-static", ttl="10s")
    client, token = make_client(vault.address), Secret(vault.token)
    for grant in (
        await client.mint(token, f"{mount}/a", "api_key", 60.0),
        await client.read(token, f"{mount}/a", "api_key"),
    ):
        assert (grant.lease_id, grant.duration, grant.renewable) == ("", inf, False)
        assert grant.secret == Secret("sk-static")
        assert grant.api_key_id is None
        assert grant.request_id


async def test_a_field_that_is_missing(vault: VaultServer, mount: str) -> None:
    put(vault, mount, value="sk-static")
    fault = await fault_at(vault, f"{mount}/a")
    assert (fault.kind, fault.orphan) == (FaultKind.MALFORMED, None)
    assert fault.message == f"{mount}/a: the field api_key is missing; there are value"


async def test_a_path_with_nothing(vault: VaultServer, mount: str) -> None:
    fault = await fault_at(vault, f"{mount}/b")
    assert fault.kind is FaultKind.NOT_FOUND
    assert fault.message.startswith(f"Vault finds nothing at {mount}/b")


@pytest.mark.parametrize("mount", [2], indirect=True)
async def test_versions_that_ended(vault: VaultServer, mount: str) -> None:
    put(vault, mount, api_key="sk-static")
    vault.request("DELETE", f"{mount}/a")
    fault = await fault_at(vault, f"{mount}/a")
    assert fault.kind is FaultKind.NOT_FOUND
    start = f"Vault finds nothing at {mount}/a: its version 1 was deleted at 2"
    assert fault.message.startswith(start)
    assert fault.message.endswith("Z: undelete it, or put a new one")
    vault.request("PUT", f"{mount.replace('/data', '/destroy')}/a", {"versions": [1]})
    fault = await fault_at(vault, f"{mount}/a")
    words = "its version 1 was destroyed: put a new one"
    assert fault.message == f"Vault finds nothing at {mount}/a: {words}"


@pytest.mark.parametrize("mount", [2], indirect=True)
async def test_a_path_as_the_command_line_takes_it(vault: VaultServer, mount: str) -> None:
    put(vault, mount, api_key="sk-static")
    path = f"{mount.removesuffix('/data')}/a"
    fault = await fault_at(vault, path)
    assert fault.kind is FaultKind.NOT_FOUND
    assert fault.message == (
        f"{path} is in a KV version 2 engine, and needs data/ after its mount: write {mount}/a"
    )


async def test_a_policy_that_forbids(vault: VaultServer, mount: str, engine: Engine) -> None:
    client = make_client(vault.address)
    with pytest.raises(FaultError) as caught:
        await client.read(engine.token(), f"{mount}/a", "api_key")
    fault = caught.value.fault
    assert fault.kind is FaultKind.FORBIDDEN
    words = f"the policy has to give `read` on {mount}/a, if that path is right"
    assert fault.message.endswith(words)
