"""Secrets without a lease, against Vault's own KV engines, versions 1 and 2."""

from __future__ import annotations

from itertools import count
from math import inf
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.secret import Secret
from structlog.testing import capture_logs

from tests.vault.conftest import Engine, make_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.core.model.faults import Fault

    from testbed.vault import VaultServer

_NUMBERS = count(1)

ONE_WORD = "and a key is one word of ASCII"


PLAIN, NESTED = "kv-{}", "team/k\u00fc, {} + 100 %"
BOTH = pytest.mark.parametrize("mount", [(2, PLAIN), (2, NESTED)], indirect=True, ids=str)


@pytest.fixture(params=[(1, PLAIN), (2, PLAIN), (1, NESTED), (2, NESTED)], ids=str)
def mount(vault: VaultServer, request: pytest.FixtureRequest) -> Iterator[str]:
    version, name = request.param
    name = name.format(next(_NUMBERS))
    vault.enable_kv(name, version)
    yield f"{name}/data" if version == 2 else name
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


def put(vault: VaultServer, mount: str, **fields: object) -> None:
    vault.request("POST", f"{mount}/a", {"data": fields} if mount.endswith("/data") else fields)


def corrected(mount: str, name: str = "a") -> str:
    whole = mount.removesuffix("data")
    return f"{whole} is KV version 2, whose paths have data/ after the mount: write {mount}/{name}"


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
    where = f"{mount.removesuffix('data').rstrip('/')}/"
    assert fault.message == (
        f"Vault finds nothing at {mount}/b: there is no such secret in {where}"
    )


@BOTH
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
    hint = "its version 1 was destroyed: put a new one"
    assert fault.message == f"Vault finds nothing at {mount}/a: {hint}"


@BOTH
@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ("{}a", "a"),
        ("{}a/b c", "a/b c"),
        ("{}metadata/a", "a"),
        ("{}", "NAME"),
        ("{}data", "NAME"),
    ],
)
async def test_a_path_that_is_none_of_the_api(
    vault: VaultServer, mount: str, engine: Engine, wrong: str, name: str
) -> None:
    path = wrong.format(mount.removesuffix("data")).rstrip("/")
    if "metadata" not in path:  # which can be read
        fault = await fault_at(vault, path)
        assert fault.kind is FaultKind.NOT_FOUND
        assert fault.message == f"Vault finds nothing at {path}: {corrected(mount, name)}"
    # A policy for the right path, and no other: Vault tells nothing but the mount.
    vault.write_policy(engine.mount, f'path "{mount}/{name}" {{ capabilities = ["read"] }}')
    fault = await forbidden(engine, path)
    assert fault.message == (
        f"Vault forbids it (permission denied): the policy has to give `read` on {path}, if that "
        f"path is right; but {corrected(mount, name)}"
    )


@BOTH
async def test_metadata_in_place_of_the_secret(vault: VaultServer, mount: str) -> None:
    put(vault, mount, api_key="sk-static")
    path = f"{mount.removesuffix('data')}metadata/a"
    fault = await fault_at(vault, path)
    assert fault.message == (
        f"{path}: this is the metadata of a secret: write data/ in the place of metadata/"
    )


@pytest.mark.parametrize("mount", [(1, PLAIN), (1, NESTED)], indirect=True, ids=str)
async def test_a_path_of_the_other_version(vault: VaultServer, mount: str) -> None:
    put(vault, mount, api_key="sk-static")
    fault = await fault_at(vault, f"{mount}/data/a")
    assert fault.message.endswith(
        f"; {mount}/ is KV version 1, whose paths need no data/: is it {mount}/a?"
    )


async def forbidden(engine: Engine, path: str) -> Fault:
    client = make_client(engine.vault.address)
    with pytest.raises(FaultError) as caught:
        await client.read(engine.token(), path, "api_key")
    assert caught.value.fault.kind is FaultKind.FORBIDDEN
    return caught.value.fault


async def test_a_policy_that_forbids(vault: VaultServer, mount: str, engine: Engine) -> None:
    fault = await forbidden(engine, f"{mount}/a")
    hint = f"the policy has to give `read` on {mount}/a, if that path is right"
    assert fault.message.endswith(hint)


@pytest.mark.parametrize(
    "name", ["with space/\u00fc", "a%b", "a?b#c", "a+b*", "{{x}}", 'q"\\', "\U0001f511"]
)
async def test_a_name_of_any_characters(vault: VaultServer, mount: str, name: str) -> None:
    path = f"{mount}/{name}"
    fields = {"api_key": "sk-static"}
    vault.request("POST", path, {"data": fields} if mount.endswith("/data") else fields)
    client, token = make_client(vault.address), Secret(vault.token)
    assert (await client.mint(token, path, "api_key", 60.0)).secret == Secret("sk-static")
    assert (await client.read(token, path, "api_key")).secret == Secret("sk-static")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("with%20space", "a path stands as it is, without percent-encoding: is it right?"),
        ("a?version=2", "what follows the ? is part of the name here: leave it out"),
    ],
)
async def test_a_name_that_was_meant_for_a_url(
    vault: VaultServer, mount: str, engine: Engine, name: str, hint: str
) -> None:
    assert (await fault_at(vault, f"{mount}/{name}")).message.endswith(f"; {hint}")
    assert (await forbidden(engine, f"{mount}/{name}")).message.endswith(f"; {hint}")


@pytest.mark.parametrize("text", ["sk-static\n", " sk-static ", "\ufeffsk-static\r\n"])
async def test_a_key_is_cleaned_and_that_is_told_once(
    vault: VaultServer, mount: str, text: str
) -> None:
    put(vault, mount, api_key=text)
    client, token = make_client(vault.address), Secret(vault.token)
    with capture_logs() as logs:
        grant = await client.mint(token, f"{mount}/a", "api_key", 60.0)
        again = [await client.read(token, f"{mount}/a", "api_key") for _ in range(2)]
    assert [grant.secret, *(read.secret for read in again)] == [Secret("sk-static")] * 3
    (event,) = logs
    assert (event["event"], event["log_level"]) == ("secret.cleaned", "warning")
    assert (event["path"], event["field"]) == (f"{mount}/a", "api_key")
    assert event["taken_off"]
    assert "sk-static" not in str(logs)
    put(vault, mount, api_key=f"\t{text}")
    with capture_logs() as logs:
        await client.read(token, f"{mount}/a", "api_key")
    assert [event["event"] for event in logs] == ["secret.cleaned"]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (1, "is a number, and has to be text"),
        (1.5, "is a number, and has to be text"),
        (True, "is a boolean, and has to be text"),
        (None, "is null, and has to be text"),
        ({"a": "sk-static"}, "is a map, and has to be text"),
        (["sk-static"], "is a list, and has to be text"),
        ("", "is empty"),
        ("\n ", "holds white space alone"),
        (
            "sk-static\nsk-static\n",
            f"has a line feed at character 10 of 20, {ONE_WORD}",
        ),
        (
            "sk-st\u00e4tic",
            f"has a character outside ASCII (U+00E4) at character 6 of 9, {ONE_WORD}",
        ),
    ],
)
async def test_a_field_that_is_no_key(
    vault: VaultServer, mount: str, value: object, problem: str
) -> None:
    put(vault, mount, api_key=value)
    fault = await fault_at(vault, f"{mount}/a")
    assert fault.kind is FaultKind.MALFORMED
    assert fault.message == f"{mount}/a: the field api_key {problem}"
