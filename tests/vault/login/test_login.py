"""Logins into the real Vault, and what a user sees of each usual mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import trio
from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.grants import TokenKind, Unwrapped
from freshkey.core.model.secret import Secret
from freshkey.settings.auth import AppRoleAuth, TokenAuth
from structlog.testing import capture_logs

from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer

if TYPE_CHECKING:
    import socket
    from collections.abc import MutableMapping, Sequence
    from pathlib import Path

    from freshkey.vault.client import VaultClient

    from testbed.vault import VaultServer
    from tests.vault.conftest import AppRole, Engine


def nothing_to_unwrap(_: Unwrapped) -> NoReturn:
    pytest.fail("nothing was to be unwrapped")


async def refusal(client: VaultClient, unwrapped: Unwrapped | None = None) -> Fault:
    with pytest.raises(FaultError) as caught:
        await client.log_in(unwrapped, nothing_to_unwrap)
    return caught.value.fault


async def test_a_token_from_a_file(vault: VaultServer, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "token"
    client = make_client(vault.address, TokenAuth(token_file=file))
    for _ in range(2):  # the file is read at each login
        token = engine.token()
        file.write_text(f"{token.reveal()}\n")
        login = await client.log_in(None, nothing_to_unwrap)
        assert login.token == token
        assert not login.owned


async def test_a_token_from_the_settings(vault: VaultServer, engine: Engine) -> None:
    token = engine.token()
    login = await make_client(vault.address, TokenAuth(token=token)).log_in(None, nothing_to_unwrap)
    assert login.token == token


async def test_a_token_that_is_older_is_renewed_for_its_whole_term(
    vault: VaultServer, engine: Engine
) -> None:
    client = make_client(vault.address, TokenAuth(token=engine.token(ttl="20s")))
    await trio.sleep(2)  # Vault counts in whole seconds of real life
    login = await client.log_in(None, nothing_to_unwrap)
    assert login.duration is not None
    assert login.duration <= 18
    assert login.term == 20.0
    assert (await client.renew_token(login.token, login.term)).duration == 20


async def test_a_token_that_is_invalid(vault: VaultServer) -> None:
    client = make_client(vault.address, TokenAuth(token=Secret("hvs.nope")))
    assert (await refusal(client)).kind is FaultKind.TOKEN_INVALID


async def test_no_token_at_all(vault: VaultServer) -> None:
    fault = await refusal(make_client(vault.address, TokenAuth()))
    assert fault.message == "neither auth.token_file nor VAULT_TOKEN is set: set one of them"


async def test_approle(approle: AppRole) -> None:
    login = await approle.client().log_in(None, nothing_to_unwrap)
    assert login.owned
    assert (login.kind, login.duration, login.renewable) == (TokenKind.SERVICE, 60.0, True)
    assert login.accessor
    assert login.request_id
    assert approle.secret_id_file.exists()


async def test_approle_with_its_role_id_in_the_settings(approle: AppRole) -> None:
    role_id = (approle.directory / "role_id").read_text().strip()
    client = approle.client(role_id_file=None, role_id=role_id)
    assert (await client.log_in(None, nothing_to_unwrap)).owned


async def test_approle_with_a_wrong_secret_id(approle: AppRole) -> None:
    approle.secret_id_file.write_text("wrong")
    fault = await refusal(approle.client())
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message == (
        f"Vault refuses auth/{approle.mount}/login: invalid role or secret ID: "
        "are the credentials those of this role, and neither used up nor expired?"
    )


async def test_approle_at_a_wrong_mount(approle: AppRole) -> None:
    fault = await refusal(approle.client(mount="elsewhere"))
    assert fault.kind is FaultKind.FORBIDDEN
    assert "auth/elsewhere/login (permission denied): is the method enabled" in fault.message


@pytest.mark.parametrize("name", ["role_id", "secret_id"])
async def test_approle_without_a_credential(approle: AppRole, name: str) -> None:
    (approle.directory / name).unlink()
    fault = await refusal(approle.client())
    assert fault.message.startswith(f"auth.{name}_file {approle.directory / name} does not exist")


async def test_approle_removes_its_secret_id_after_the_login(approle: AppRole) -> None:
    secret_id = approle.secret_id_file.read_text()
    approle.secret_id_file.write_text("wrong")
    client = approle.client(remove_secret_id_file=True)
    await refusal(client)
    assert approle.secret_id_file.exists()
    approle.secret_id_file.write_text(secret_id)
    await client.log_in(None, nothing_to_unwrap)
    assert approle.secret_id_file.exists(), "until its token is in the journal"
    client.finish_login()
    assert not approle.secret_id_file.exists()


async def test_a_token_with_a_use_limit_is_not_left_behind(approle: AppRole) -> None:
    approle.vault.request("POST", f"auth/{approle.mount}/role/agent", {"token_num_uses": 5})
    fault = await refusal(approle.client())
    assert "set token_num_uses to 0" in fault.message
    assert approle.tokens() == 0


@pytest.mark.parametrize("uses", [1, 3])
async def test_a_given_token_with_a_use_limit_is_refused_to_its_last_use(
    vault: VaultServer, engine: Engine, uses: int
) -> None:
    """Each lookup is a use; during the last one Vault says that -1 are left."""
    client = make_client(vault.address, TokenAuth(token=engine.token(num_uses=uses)))
    for _ in range(uses):
        fault = await refusal(client)
        assert fault.kind is FaultKind.BAD_REQUEST
        assert "make it without -use-limit" in fault.message
    assert (await refusal(client)).kind is FaultKind.TOKEN_INVALID


async def test_a_wrapped_secret_id(approle: AppRole) -> None:
    wrapping = approle.wrap()
    client = approle.client(secret_id_wrapped=True)
    stored: list[Unwrapped] = []
    await client.log_in(None, stored.append)
    assert [unwrapped.wrapping for unwrapped in stored] == [wrapping.fingerprint]
    # The next login, perhaps of another process: the wrapping is spent, and what was in it known.
    assert (await client.log_in(stored[0], nothing_to_unwrap)).owned
    approle.secret_id_file.unlink()
    assert (await client.log_in(stored[0], nothing_to_unwrap)).owned


async def test_a_newly_delivered_wrapping_replaces_what_is_known(approle: AppRole) -> None:
    client = approle.client(secret_id_wrapped=True)
    stored: list[Unwrapped] = []
    approle.wrap()
    await client.log_in(None, stored.append)
    approle.wrap()
    await client.log_in(stored[0], stored.append)
    assert stored[0].secret_id != stored[1].secret_id


def security(logs: Sequence[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [entry for entry in logs if entry["event"].startswith("wrapping.")]


async def test_a_wrapping_that_somebody_else_used(approle: AppRole) -> None:
    wrapping = approle.wrap()
    approle.vault.request("POST", "sys/wrapping/unwrap", token=wrapping.reveal())
    client = approle.client(secret_id_wrapped=True)
    with capture_logs() as logs:
        fault = await refusal(client)
        other = Unwrapped("00000000", Secret("another wrapping's"))
        assert (await refusal(client, other)).message == fault.message
    assert fault.kind is FaultKind.BAD_REQUEST
    assert fault.message.startswith("security event: the wrapping token was used by somebody else")
    assert wrapping.reveal() not in fault.message
    fields = {"wrapping": wrapping.fingerprint, "message": fault.message, "log_level": "error"}
    assert security(logs) == [{"event": "wrapping.spent", **fields}]  # once


async def test_a_wrapping_of_something_else_is_not_unwrapped(approle: AppRole) -> None:
    wrapping = approle.wrap("sys/wrapping/wrap")
    client = approle.client(secret_id_wrapped=True)
    with capture_logs() as logs:
        fault = await refusal(client)
        await refusal(client)
    assert fault.kind is FaultKind.BAD_REQUEST
    assert "security event: the wrapping token was made at sys/wrapping/wrap" in fault.message
    fields = {"wrapping": wrapping.fingerprint, "message": fault.message, "log_level": "error"}
    assert security(logs) == [{"event": "wrapping.foreign", **fields}]
    approle.vault.request("POST", "sys/wrapping/unwrap", token=wrapping.reveal())  # still whole


async def test_a_wrapping_for_another_mount_is_not_unwrapped(approle: AppRole) -> None:
    approle.wrap()
    fault = await refusal(approle.client(secret_id_wrapped=True, mount="elsewhere"))
    assert f"made at auth/{approle.mount}/role/agent/secret-id" in fault.message


async def test_a_wrapping_whose_answer_was_lost_is_laid_to_nobody(tmp_path: Path) -> None:
    def script(sock: socket.socket) -> None:
        lines = [request.line for request in server.requests]
        if any("sys/wrapping/unwrap" in line for line in lines[:-1]):
            errors = ["wrapping token is not valid or does not exist"]
            sock.sendall(answer(400, {"errors": errors}))
        elif "sys/wrapping/lookup" in lines[-1]:
            data = {"creation_path": "auth/approle/role/agent/secret-id"}
            sock.sendall(answer(body={"request_id": "r", "data": data}))

    (tmp_path / "secret_id").write_text("hvs.of-a-wrapping")
    auth = AppRoleAuth(role_id="r", secret_id_file=tmp_path / "secret_id", secret_id_wrapped=True)
    with ScriptedServer(script) as server, capture_logs() as logs:
        client = make_client(server.address, auth)
        assert (await refusal(client)).unanswered
        fault = await refusal(client)
        assert fault.kind is FaultKind.BAD_REQUEST
        assert fault.message == (
            "the wrapping token was used, it seems, by this agent, whose answer was lost: "
            "revoke its secret-id, and deliver a new one"
        )
        assert not logs
        # Another process knows nothing of it.
        fault = await refusal(make_client(server.address, auth))
    assert "or by an earlier run of this agent whose answer was lost, or it" in fault.message
    assert [entry["event"] for entry in logs] == ["wrapping.spent"]
