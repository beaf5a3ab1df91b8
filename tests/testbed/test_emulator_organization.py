"""The emulator's organization API, body by body."""

from collections.abc import AsyncIterator

import pytest

from testbed.emulator.organization import ADMIN_API_KEY, ADMIN_API_KEY_ID, PROJECT_ID
from tests.testbed.emulator_client import ACCOUNTS, START, Client

ADMIN_KEYS = "/v1/organization/admin_api_keys"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client()
    async with made.http:
        yield made


async def test_a_project_has_the_fields_that_the_engine_needs(client: Client) -> None:
    response = await client.call("GET", f"/v1/organization/projects/{PROJECT_ID}")
    assert response.json() == {
        "id": PROJECT_ID,
        "object": "organization.project",
        "name": "Emulator",
        "created_at": START,
        "archived_at": None,
        "status": "active",
    }
    assert response.headers["x-request-id"].startswith("req_")


async def test_a_service_account_from_creation_to_deletion(client: Client) -> None:
    made = await client.mint("vault-billing-1")
    value, key_id = made["api_key"].pop("value"), made["api_key"]["id"]
    assert made.pop("api_key") == {
        "object": "organization.project.service_account.api_key",
        "id": key_id,
        "name": "Secret Key",
        "created_at": START,
        "expires_at": None,
    }
    assert made == {
        "object": "organization.project.service_account",
        "id": made["id"],
        "name": "vault-billing-1",
        "role": "member",
        "created_at": START,
    }
    assert made["id"].startswith("svc_acct_")
    assert key_id.startswith("key_")
    assert await client.models(value) == 200
    path = f"{ACCOUNTS}/{made['id']}"
    assert (await client.call("GET", path)).json() == made
    assert (await client.call("DELETE", path)).json() == {
        "object": "organization.project.service_account.deleted",
        "id": made["id"],
        "deleted": True,
    }
    assert await client.models(value) == 401
    for method in ("GET", "DELETE"):
        gone = await client.call(method, path)
        assert gone.status_code == 404
        assert made["id"] in gone.json()["error"]["message"]


async def test_accounts_belong_to_their_project(client: Client) -> None:
    other = (await client.call("POST", "/v1/organization/projects", {"name": "other"})).json()["id"]
    made = await client.mint()
    path = f"/v1/organization/projects/{other}/service_accounts"
    assert (await client.call("GET", path)).json()["data"] == []
    assert (await client.call("DELETE", f"{path}/{made['id']}")).status_code == 404
    nowhere = await client.call("GET", "/v1/organization/projects/proj_none")
    assert nowhere.status_code == 404


async def test_lists_come_page_by_page(client: Client) -> None:
    ids = [(await client.mint(f"vault-billing-{number}"))["id"] for number in range(23)]
    first = (await client.call("GET", ACCOUNTS)).json()
    assert [item["id"] for item in first.pop("data")] == ids[:20]
    assert first == {"object": "list", "first_id": ids[0], "last_id": ids[19], "has_more": True}
    rest = (await client.call("GET", f"{ACCOUNTS}?after={ids[19]}&limit=3")).json()
    assert [item["id"] for item in rest["data"]] == ids[20:]
    assert rest["has_more"] is False
    empty = (await client.call("GET", f"{ACCOUNTS}?after={ids[-1]}")).json()
    assert (empty["data"], empty["first_id"], empty["last_id"]) == ([], None, None)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=many", "after=svc_acct_none"])
async def test_a_wrong_page_is_a_400(client: Client, query: str) -> None:
    response = await client.call("GET", f"{ACCOUNTS}?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["param"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "body", [None, [], {}, {"name": ""}, {"name": "a", "expires_in_seconds": 0}]
)
async def test_a_wrong_creation_is_a_400_and_makes_nothing(client: Client, body: object) -> None:
    response = await client.call("POST", ACCOUNTS, body)
    assert response.status_code == 400
    assert set(response.json()["error"]) == {"message", "type", "param", "code"}
    assert (await client.state())["overall"]["mints"] == 0


async def test_the_organization_api_is_for_admin_keys(client: Client) -> None:
    key = (await client.mint())["api_key"]["value"]
    for wrong in (None, "sk-admin-wrong-0000", key):
        response = await client.call("GET", ACCOUNTS, key=wrong)
        assert response.status_code == 401
    assert await client.models(ADMIN_API_KEY) == 401


async def test_a_refused_key_is_named_masked(client: Client) -> None:
    response = await client.call("GET", "/v1/models", key="sk-svcacct-abcdefWXYZ")
    assert response.status_code == 401
    assert response.json()["error"] == {
        "message": "Incorrect API key provided: sk-svcac*********WXYZ. You can find your API key "
        "at https://platform.openai.com/account/api-keys.",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }


async def test_the_admin_key_can_be_rotated(client: Client) -> None:
    made = (await client.call("POST", ADMIN_KEYS, {"name": "next"})).json()
    value = made.pop("value")
    assert made["object"] == "organization.admin_api_key"
    assert made["redacted_value"].startswith("sk-admin")
    listed = (await client.call("GET", f"{ADMIN_KEYS}?order=desc", key=value)).json()["data"]
    assert listed[0] == made
    assert listed[1]["id"] == ADMIN_API_KEY_ID
    path = f"{ADMIN_KEYS}/{ADMIN_API_KEY_ID}"
    assert (await client.call("DELETE", path, key=value)).json() == {
        "object": "organization.admin_api_key.deleted",
        "id": ADMIN_API_KEY_ID,
        "deleted": True,
    }
    assert (await client.call("GET", ADMIN_KEYS)).status_code == 401
    assert (await client.call("DELETE", path, key=value)).status_code == 404


async def test_the_audit_log_tells_who_made_and_deleted_what(client: Client) -> None:
    made = await client.mint()
    client.now += 10
    await client.call("POST", "/control/delete_account", {"account_id": made["id"]})
    log = (await client.call("GET", "/v1/organization/audit_logs")).json()["data"]
    assert [(entry["type"], entry["actor"]["type"], entry["effective_at"]) for entry in log] == [
        ("api_key.deleted", "session", START + 10),
        ("service_account.deleted", "session", START + 10),
        ("api_key.created", "api_key", START),
        ("service_account.created", "api_key", START),
    ]
    assert log[3]["service_account.created"] == {"id": made["id"], "data": {"role": "member"}}
    assert log[0]["api_key.deleted"] == {"id": made["api_key"]["id"]}
    assert log[2]["actor"]["api_key"]["id"] == ADMIN_API_KEY_ID
    query = f"event_types[]=api_key.created&event_types[]=api_key.deleted&effective_at[gt]={START}"
    found = (await client.call("GET", f"/v1/organization/audit_logs?{query}")).json()["data"]
    assert found == log[:1]


async def test_usage_is_found_by_key_id(client: Client) -> None:
    keys = [(await client.mint())["api_key"] for _ in range(2)]
    for key in (*keys, keys[0]):
        body = {"model": "gpt-4o-mini", "input": "two words"}
        answer = await client.call("POST", "/v1/responses", body, key=key["value"])
        assert answer.status_code == 200
    client.now += 1
    query = f"start_time={START}&group_by[]=api_key_id&bucket_width=1m"
    page = (await client.call("GET", f"/v1/organization/usage/completions?{query}")).json()
    (bucket,) = page["data"]
    counts = {each["api_key_id"]: each["num_model_requests"] for each in bucket["results"]}
    assert counts == {keys[0]["id"]: 2, keys[1]["id"]: 1}
    query = f"start_time={START}&api_key_ids={keys[1]['id']}&group_by=api_key_id"
    (day,) = (await client.call("GET", f"/v1/organization/costs?{query}")).json()["data"]
    assert [each["api_key_id"] for each in day["results"]] == [keys[1]["id"]]
    missing = await client.call("GET", "/v1/organization/costs")
    assert missing.status_code == 400


async def test_an_unknown_path_is_answered_as_by_openai(client: Client) -> None:
    response = await client.call("GET", "/v1/nothing")
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "Invalid URL (GET /v1/nothing)"
    wrong_method = await client.call("DELETE", "/v1/models")
    assert wrong_method.status_code == 405


@pytest.mark.parametrize("body", [{"messages": []}, {"model": "m"}, {"model": 1, "messages": []}])
async def test_an_incomplete_question_is_a_400(client: Client, body: object) -> None:
    key = (await client.mint())["api_key"]["value"]
    response = await client.call("POST", "/v1/chat/completions", body, key=key)
    assert response.status_code == 400
