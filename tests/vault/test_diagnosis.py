"""What Vault is asked once it has refused a read, and what comes of it when it does not tell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trio
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.vault import diagnosis

from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    import socket

    from freshkey.core.model.faults import Fault
    from freshkey.vault.client import VaultClient

    from tests.vault.conftest import AppRole, Engine

TOKEN = Secret("hvs.canary")
WARNING = "Invalid path for a versioned K/V secrets engine. See the API docs for the paths."
NOT_OF_THE_API = answer(404, {"request_id": "r", "data": None, "warnings": [WARNING]})
FORBIDDEN = answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
DENIED = "Vault forbids it (permission denied): the policy has to give `read` on"


async def refused(client: VaultClient, token: Secret, path: str) -> Fault:
    """Both kinds of read; the fault is the same."""
    with pytest.raises(FaultError) as minting:
        await client.mint(token, path, "api_key", None)
    with pytest.raises(FaultError) as reading:
        await client.read(token, path, "api_key")
    assert minting.value.fault == reading.value.fault
    return minting.value.fault


async def logged_in(approle: AppRole, **role: object) -> Secret:
    approle.vault.request("POST", f"auth/{approle.mount}/role/agent", role)
    return (await approle.client().log_in(None, lambda _: None)).token


@pytest.mark.parametrize("kind", ["service", "batch"])
async def test_a_token_of_another_network(approle: AppRole, engine: Engine, kind: str) -> None:
    bound = {"token_bound_cidrs": ["192.0.2.0/24"], "token_type": kind}
    token = await logged_in(approle, token_policies=["default", engine.mount], **bound)
    client = make_client(approle.vault.address)
    fault = await refused(client, token, engine.path)
    assert fault.kind is FaultKind.FORBIDDEN
    assert fault.message == f"{DENIED} {engine.path}, if that path is right; {diagnosis.BOUND}"
    with pytest.raises(FaultError) as caught:
        await client.renew_token(token, 60.0)
    assert "unless the token is bound to other networks" in caught.value.fault.message


async def test_a_token_that_may_look_itself_up(approle: AppRole, engine: Engine) -> None:
    token = await logged_in(approle, token_policies=["default"])
    fault = await refused(make_client(approle.vault.address), token, engine.path)
    assert fault.message == f"{DENIED} {engine.path}, if that path is right"


class ScriptedVault(ScriptedServer):
    """Answers every read with `refusal`, and what is asked about it as `other_answer` says."""

    def __init__(self, refusal: bytes, other_answer: bytes | None) -> None:
        def script(sock: socket.socket) -> None:
            request_line = self.requests[-1].line
            if "sys/internal" not in request_line and "lookup-self" not in request_line:
                sock.sendall(refusal)
            elif other_answer is None:
                self.wait(60)
            else:
                sock.sendall(other_answer)

        super().__init__(script)

    def lines(self) -> list[str]:
        return [request.line.split()[1] for request in self.requests]


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "PATIENCE", 0.2)


@pytest.mark.parametrize(
    ("path", "better"),
    [("kv/a", "kv/data/a"), ("team/kv/a", "MOUNT/data/NAME"), ("kv", "MOUNT/data/NAME")],
)
async def test_a_vault_that_tells_no_mounts(path: str, better: str) -> None:
    with ScriptedVault(NOT_OF_THE_API, answer(404, {"errors": []})) as server:
        fault = await refused(make_client(server.address), TOKEN, path)
    assert fault.kind is FaultKind.NOT_FOUND
    assert fault.message.endswith(f"needs data/ after its mount: write {better}")


@pytest.mark.parametrize(
    "other_answer", [None, answer(500, {"errors": ["x"]}), b"no HTTP", answer(body=7)]
)
async def test_what_does_not_answer_changes_nothing(
    short_patience: None, other_answer: bytes | None
) -> None:
    with ScriptedVault(FORBIDDEN, other_answer) as server:
        fault = await refused(make_client(server.address), TOKEN, "team/kv/a")
    assert fault.message == f"{DENIED} team/kv/a, if that path is right"
    assert not fault.unanswered


@pytest.mark.parametrize("data", [[], {}, {"path": 1, "type": "kv"}, {"path": "kv/", "type": []}])
async def test_a_mount_that_is_none(data: object) -> None:
    with ScriptedVault(FORBIDDEN, answer(body={"data": data, "request_id": "r"})) as server:
        fault = await refused(make_client(server.address), TOKEN, "team/kv/a")
    assert fault.message.startswith(f"{DENIED} team/kv/a, if that path is right")


async def test_a_mint_that_was_refused_does_not_look_unanswered(short_patience: None) -> None:
    """A stop that comes while Vault is asked why must not make it one that was abandoned."""
    with ScriptedVault(FORBIDDEN, None) as server:
        client = make_client(server.address)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_at_the_question, server, nursery.cancel_scope)
            with pytest.raises(FaultError) as caught:
                await client.mint(TOKEN, "kv/a", "api_key", None)
            assert nursery.cancel_scope.cancel_called
        assert caught.value.fault.kind is FaultKind.FORBIDDEN
        assert not caught.value.fault.unanswered


async def _cancel_at_the_question(server: ScriptedVault, scope: trio.CancelScope) -> None:
    while len(server.requests) < 2:  # noqa: ASYNC110 - the server runs in threads
        await trio.sleep(0.001)
    scope.cancel()


async def test_a_role_that_is_missing_is_not_asked_about() -> None:
    with ScriptedVault(answer(400, {"errors": ['role "x" does not exist']}), None) as server:
        fault = await refused(make_client(server.address), TOKEN, "openai/creds/x")
        assert server.lines() == ["/v1/openai/creds/x"] * 2
    assert fault.kind is FaultKind.NOT_FOUND


async def test_paths_are_encoded_on_the_wire_and_nowhere_else() -> None:
    path, lease_id = "kv1/with space/\u00fc?#%", "team ai/creds/billing/x y\u00fc"
    with ScriptedVault(FORBIDDEN, FORBIDDEN) as server:
        client = make_client(server.address)
        fault = await refused(client, TOKEN, path)
        with pytest.raises(FaultError) as caught:
            await client.revoke_lease(TOKEN, lease_id)
        assert set(server.lines()) == {
            "/v1/kv1/with%20space/%C3%BC%3F%23%25",
            "/v1/sys/internal/ui/mounts/kv1/with%20space/%C3%BC%3F%23%25",
            "/v1/auth/token/lookup-self",
            "/v1/sys/leases/revoke/team%20ai/creds/billing/x%20y%C3%BC",
        }
    assert f"`read` on {path}," in fault.message
    assert caught.value.fault.message.endswith(
        "`update` on sys/leases/revoke/team ai/creds/billing/*"
    )


async def test_a_lease_id_that_is_no_text() -> None:
    body = {"lease_id": "\ud800/x", "lease_duration": 60, "data": {"api_key": "sk-1"}}
    with ScriptedServer(answer(body=json.dumps(body).encode())) as server:
        client = make_client(server.address)
        grant = await client.mint(TOKEN, "kv/a", "api_key", None)
        await client.revoke_lease(TOKEN, grant.lease_id)
