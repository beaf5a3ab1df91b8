"""What the emulator's settings do, and what its state tells."""

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from testbed.emulator.errors import ERROR_STATUSES
from testbed.emulator.organization import ADMIN_API_KEY
from tests.testbed.emulator_client import ACCOUNTS, START, Client


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client()
    async with made.http:
        yield made


async def test_the_organizations_429_gives_no_hint_and_ends_within_a_minute(
    client: Client,
) -> None:
    await client.configure(requests_per_minute={"organization": 7})
    statuses = [(await client.call("GET", ACCOUNTS)).status_code for _ in range(8)]
    assert statuses == [200] * 7 + [429]
    refused = await client.call("GET", ACCOUNTS)
    assert set(refused.headers) == {"content-length", "content-type", "x-request-id"}
    assert refused.json()["error"]["message"] == (
        "You're making too many requests, please slow down."
    )
    await client.mint()  # Another endpoint has a budget of its own.
    client.now += 60
    assert (await client.call("GET", ACCOUNTS)).status_code == 200


async def test_the_data_planes_429_says_how_long(client: Client) -> None:
    key = (await client.mint())["api_key"]["value"]
    await client.configure(requests_per_minute={"models.list": 2})
    assert [await client.models(key) for _ in range(3)] == [200, 200, 429]
    refused = await client.call("GET", "/v1/models", key=key)
    assert refused.headers["retry-after"] == "30"
    client.now += 30
    assert await client.models(key) == 200


async def test_keys_begin_linger_and_expire_as_the_knobs_say(client: Client) -> None:
    await client.configure(activation_delay=5, revocation_lag=7, key_lifetime=100)
    made = await client.mint()
    key = made["api_key"]["value"]
    assert made["api_key"]["expires_at"] == START + 100
    assert await client.models(key) == 401
    client.now += 5
    assert await client.models(key) == 200
    await client.call("DELETE", f"{ACCOUNTS}/{made['id']}")
    assert (await client.state())["live"] == []
    client.now += 6
    assert await client.models(key) == 200
    client.now += 1
    assert await client.models(key) == 401
    short = await client.mint(expires_in_seconds=10)
    client.now += 9
    assert await client.models(short["api_key"]["value"]) == 200
    client.now += 1
    assert await client.models(short["api_key"]["value"]) == 401
    assert (await client.state())["live"] == []
    assert len((await client.call("GET", ACCOUNTS)).json()["data"]) == 1, "the account stays"


@pytest.mark.parametrize(("setting", "alive"), [("delay_before", 0), ("delay_after", 1)])
async def test_a_slow_mint_is_slow_before_or_after_its_work(
    client: Client, mock_clock: MockClock, setting: str, alive: int
) -> None:
    await client.configure(**{setting: {"service_account.create": 40}})
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.mint)
        await wait_all_tasks_blocked()
        mock_clock.jump(39.9)
        await wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        assert len((await client.state())["live"]) == alive
        mock_clock.jump(0.1)
    assert len((await client.state())["live"]) == 1


@pytest.mark.parametrize(("name", "status"), list(ERROR_STATUSES.items()))
async def test_errors_come_instead_of_work(client: Client, name: str, status: int) -> None:
    await client.configure(errors={"service_account.create": name})
    response = await client.call("POST", ACCOUNTS, {"name": "vault-billing-1"})
    assert response.status_code == status
    error = response.json()["error"]
    if name == "bare_string":
        assert error == "a bare string"
    else:
        assert set(error) == {"message", "type", "param", "code"}
    state = await client.state()
    assert state["overall"]["mints"] == 0
    assert state["answers"]["service_account.create"] == {str(status): 1}
    await client.configure()
    await client.mint()


async def test_only_a_key_that_authenticates_is_throttled_or_lacks_scopes(client: Client) -> None:
    key = (await client.mint())["api_key"]["value"]
    for name, good, bad in (
        ("missing_scopes", 403, 401),
        ("rate_limited", 429, 401),
        ("invalid_api_key", 401, 401),
        ("unavailable", 503, 503),
    ):
        await client.configure(errors={"data_plane": name})
        assert (await client.models(key), await client.models("sk-wrong")) == (good, bad)
    organization = await client.call("GET", ACCOUNTS)
    assert organization.status_code == 200, "the other plane goes on"


async def test_the_state_counts_by_fingerprint_and_shows_no_key(client: Client) -> None:
    made = await client.mint()
    key = made["api_key"]["value"]
    await client.models(key)
    await client.models("sk-wrong")
    await client.configure(errors={"models.list": "server_error"})
    await client.models(key)
    answer = await client.call("GET", "/control/state")
    state = answer.json()
    (live,) = state["live"]
    assert live["key_id"] == made["api_key"]["id"]
    assert live["account_id"] == made["id"]
    assert state["requests"].pop(live["fingerprint"]) == {"ok": 1, "refused": 0, "error": 1}
    assert list(state["requests"].values()) == [{"ok": 0, "refused": 1, "error": 0}]
    assert state["refusals"] == 1
    assert state["prefixes"] == {
        "vault-billing": {"live": 1, "high_water": 1, "mints": 1, "deletions": 0}
    }
    assert key not in answer.text
    assert ADMIN_API_KEY not in answer.text


async def test_a_reset_forgets_everything(client: Client) -> None:
    key = (await client.mint())["api_key"]["value"]
    await client.configure(activation_delay=5)
    assert (await client.call("POST", "/control/reset")).status_code == 204
    state = await client.state()
    assert (state["live"], state["answers"], state["overall"]["mints"]) == ([], {}, 0)
    assert state["settings"]["activation_delay"] == 0
    assert await client.models(key) == 401
    await client.mint()


@pytest.mark.parametrize(
    ("request_line", "content", "status", "line"),
    [
        ("PUT settings", b"{", 400, "settings: the body is not JSON"),
        ("PUT settings", b'{"x": 1}', 400, "x: unknown setting; there are "),
        ("GET traffic?last=-1", b"", 400, "traffic: last must be a whole number"),
        ("POST delete_account", b"{", 400, "delete_account: the body must be "),
        ("POST delete_account", b"{}", 400, "delete_account: the body must be "),
        ("POST delete_account", b'{"account_id": "x"}', 404, "delete_account: there is no acc"),
    ],
)
async def test_wrong_control_is_answered_in_one_line(
    client: Client, request_line: str, content: bytes, status: int, line: str
) -> None:
    method, action = request_line.split()
    response = await client.http.request(method, f"/control/{action}", content=content)
    assert response.status_code == status
    assert response.json()["error"].startswith(line)
