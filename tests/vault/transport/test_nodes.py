"""The nodes of a cluster: which one is asked, where redirects lead, and what a ping is."""

from __future__ import annotations

import pytest
from freshkey.core.model.faults import FaultError, FaultKind
from freshkey.vault.transport.redirects import MovedError

from tests.vault.calls import MINTED, PATH, TOKEN, fault, refusing
from tests.vault.conftest import make_client
from tests.vault.servers import ScriptedServer, answer

SEALED = answer(503, {"errors": ["Vault is sealed"]})


async def test_the_next_node_is_asked_and_kept() -> None:
    with ScriptedServer(SEALED) as sealed, ScriptedServer(MINTED) as good:
        client = make_client(refusing(), addresses=(sealed.address, good.address))
        for _ in range(2):
            await client.mint(TOKEN, PATH, "api_key", None)
    assert (len(sealed.requests), len(good.requests)) == (1, 2)


async def test_a_mint_that_may_have_worked_is_not_repeated_at_the_next_node() -> None:
    with ScriptedServer(b"") as broken, ScriptedServer(MINTED) as good:
        assert (await fault(broken.address, good.address)).unanswered
        assert not good.requests


async def test_a_node_that_did_not_answer_is_not_asked_first_again() -> None:
    with ScriptedServer(b"") as broken, ScriptedServer(MINTED) as good:
        client = make_client(broken.address, addresses=(good.address,))
        with pytest.raises(FaultError):
            await client.mint(TOKEN, PATH, "api_key", None)
        await client.mint(TOKEN, PATH, "api_key", None)
    assert (len(broken.requests), len(good.requests)) == (1, 1)


async def test_when_no_node_can_be_had_the_first_ones_fault_is_told() -> None:
    with ScriptedServer(SEALED) as sealed:
        found = await fault(sealed.address, refusing())
    assert found.kind is FaultKind.SEALED


async def test_a_refusal_is_every_nodes() -> None:
    forbidden = answer(403, {"errors": ["permission denied"]})
    with ScriptedServer(forbidden) as one, ScriptedServer(MINTED) as other:
        assert (await fault(one.address, other.address)).kind is FaultKind.FORBIDDEN
    assert not other.requests


# Redirects: they would carry the token.


def moved(location: str, status: int = 307) -> bytes:
    return answer(status, b"", headers={"Location": location})


async def test_a_standby_leads_to_a_configured_node() -> None:
    with (
        ScriptedServer(MINTED) as active,
        ScriptedServer(moved(f"{active.address}/v1/x")) as standby,
    ):
        client = make_client(standby.address, addresses=(active.address,))
        for _ in range(2):
            await client.mint(TOKEN, PATH, "api_key", None)
    assert (len(standby.requests), len(active.requests)) == (1, 2)
    assert active.requests[0].headers["x-vault-token"] == TOKEN.reveal()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_elsewhere_carries_no_token(status: int) -> None:
    with (
        ScriptedServer(MINTED) as other,
        ScriptedServer(moved(f"{other.address}/x", status)) as server,
    ):
        found = await fault(server.address)
    assert not other.requests
    assert found.kind is FaultKind.MALFORMED
    assert f"redirects ({status}) to {other.address}, which is not followed" in found.message
    assert not found.unanswered


@pytest.mark.parametrize("location", ["", "/ui/", "//[", "https://user:pw@h:x/", "javascript:0"])
async def test_a_redirect_to_nowhere(location: str) -> None:
    with ScriptedServer(moved(location)) as server:
        found = await fault(server.address)
    assert "redirects (307) to elsewhere" in found.message


def test_a_redirect_leads_to_the_same_scheme_or_to_https() -> None:
    nodes = ("http://one:8200", "https://two:8200")
    to_https = MovedError("http://one:8200", 307, "https://two:8200/v1/x")
    to_http = MovedError("https://two:8200", 307, "http://one:8200/v1/x")
    assert to_https.node(nodes) == "https://two:8200"
    assert to_http.node(nodes) is None
    assert "redirects (307) to http://one:8200, which is not followed" in str(to_http)


async def test_a_standby_that_leads_to_a_dead_leader() -> None:
    """It may have passed the mint on before the leader died; what gives nothing is asked again."""
    dead = refusing()
    with ScriptedServer(moved(dead)) as standby, ScriptedServer(MINTED) as other:
        found = await fault(standby.address, dead, other.address)
        assert (found.kind, found.unanswered) == (FaultKind.UNREACHABLE, True)
        assert not other.requests
        client = make_client(standby.address, addresses=(dead, other.address))
        with pytest.raises(FaultError, match="JSON without"):
            await client.look_up_lease(TOKEN, "x")
        assert len(other.requests) == 1


async def test_redirects_in_a_circle_end() -> None:
    with ScriptedServer(b"") as one, ScriptedServer(moved(one.address)) as other:
        one.script = moved(other.address)
        found = await fault(one.address, other.address)
    assert found.kind is FaultKind.UNREACHABLE
    assert "redirect to each other" in found.message
    assert len(one.requests) + len(other.requests) < 10


# Whether it answers at all.


@pytest.mark.parametrize("status", [200, 400, 404, 429, 472, 473, 500])
async def test_a_ping_that_is_answered(status: int) -> None:
    with ScriptedServer(answer(status, b"", content_type="text/plain")) as server:
        await make_client(server.address).ping()
    assert server.requests[0].line == "GET /v1/sys/health HTTP/1.1"


@pytest.mark.parametrize("status", [501, 502, 503, 504])
async def test_a_ping_that_something_else_answers(status: int) -> None:
    response = answer(status, b"", content_type="text/plain")
    with ScriptedServer(response) as server, pytest.raises(FaultError) as caught:
        await make_client(server.address).ping()
    assert caught.value.fault.kind is FaultKind.UNREACHABLE


async def test_a_ping_does_not_wait_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshkey.vault.client._PING_TIMEOUT", 0.2)  # of 2 s
    with ScriptedServer.silent() as server, pytest.raises(FaultError) as caught:
        await make_client(server.address).ping()
    assert caught.value.fault.message.endswith("gave no answer within 0.2 s")
