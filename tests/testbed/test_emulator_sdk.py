"""The emulator's answers, as the official client reads them."""

import time
from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from testbed.emulator.organization import ADMIN_API_KEY, PROJECT_ID
from testbed.emulator.process import EmulatorError, OpenAIServer

MODEL = "gpt-4o-mini"
QUESTION = "does this key work?"


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def admin(server: OpenAIServer) -> Iterator[OpenAI]:
    server.reset()
    client = OpenAI(
        api_key="", admin_api_key=ADMIN_API_KEY, base_url=server.base_url, max_retries=0
    )
    with client:
        yield client


@pytest.fixture
def client(server: OpenAIServer, admin: OpenAI) -> Iterator[OpenAI]:
    with OpenAI(api_key=mint(admin), base_url=server.base_url, max_retries=0) as made:
        yield made


def mint(admin: OpenAI) -> str:
    accounts = admin.admin.organization.projects.service_accounts
    made = accounts.create(PROJECT_ID, name="vault-billing-1")
    assert made.api_key is not None
    return made.api_key.value


def test_the_client_reads_the_organization_api(admin: OpenAI) -> None:
    organization = admin.admin.organization
    accounts = organization.projects.service_accounts
    made = [accounts.create(PROJECT_ID, name=f"vault-billing-{n}").id for n in range(3)]
    assert organization.projects.retrieve(PROJECT_ID).status == "active"
    assert [each.id for each in accounts.list(PROJECT_ID, limit=2)] == made, "over two pages"
    assert accounts.delete(made[0], project_id=PROJECT_ID).deleted
    log = organization.audit_logs.list(event_types=["service_account.deleted"])
    (entry,) = log.data
    assert entry.service_account_deleted is not None
    assert entry.service_account_deleted.id == made[0]
    key = organization.admin_api_keys.create(name="next")
    assert organization.admin_api_keys.delete(key.id).deleted


def test_the_client_reads_usage_and_costs(admin: OpenAI, client: OpenAI) -> None:
    client.responses.create(model=MODEL, input=QUESTION)
    usage = admin.admin.organization.usage
    day = usage.completions(start_time=int(time.time()) - 60, group_by=["api_key_id"])
    (result,) = [each for bucket in day.data for each in bucket.results]
    assert result.object == "organization.usage.completions.result"
    assert result.num_model_requests == 1
    costs = usage.costs(start_time=int(time.time()) - 60, api_key_ids=[str(result.api_key_id)])
    assert sum(len(bucket.results) for bucket in costs.data) == 1


def test_the_client_lists_models(client: OpenAI) -> None:
    assert MODEL in [model.id for model in client.models.list()]


def test_the_client_reads_a_chat_completion(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": QUESTION}]
    )
    assert answer.choices[0].message.content == "The key works."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 3


def test_the_client_reads_a_streamed_chat_completion(client: OpenAI) -> None:
    with client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    text = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(filter(None, text)) == "The key works."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_chat_stream_ends_with_done(client: OpenAI) -> None:
    with client.chat.completions.with_streaming_response.create(
        model=MODEL, messages=[{"role": "user", "content": QUESTION}], stream=True
    ) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in response.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"


def test_the_client_reads_a_response(client: OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input=QUESTION)
    assert answer.output_text == "The key works."
    assert answer.status == "completed"


def test_the_client_reads_a_streamed_response(client: OpenAI) -> None:
    with client.responses.create(model=MODEL, input=QUESTION, stream=True) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "The key works."
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == "The key works."


def test_the_client_tells_errors_apart(server: OpenAIServer, client: OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="sk-svcacct-wrong-0000").models.list()
    assert refused.value.code == "invalid_api_key"
    server.configure(errors={"models.list": "missing_scopes"})
    with pytest.raises(openai.PermissionDeniedError, match="Missing scopes"):
        client.models.list()
    server.configure(errors={"data_plane": "bare_string"})
    with pytest.raises(openai.PermissionDeniedError) as bare:
        client.models.list()
    assert bare.value.body == "a bare string"
    server.configure(errors={"data_plane": "unavailable"})
    with pytest.raises(openai.InternalServerError):
        client.models.list()
    server.configure(requests_per_minute={"data_plane": 0})
    with pytest.raises(openai.RateLimitError) as limited:
        client.models.list()
    assert limited.value.code == "rate_limit_exceeded"
    server.configure()
    client.models.list()


def test_a_lost_answer_leaves_its_work(server: OpenAIServer, admin: OpenAI) -> None:
    server.configure(lost_answers={"service_account.create": 1})
    with pytest.raises(openai.APIConnectionError):
        mint(admin)
    state = server.state()
    assert state["overall"]["live"] == 1
    assert state["lost"] == {"service_account.create": 1}
    assert state["settings"]["lost_answers"] == {"service_account.create": 0}
    mint(admin)


def test_a_mint_whose_client_hung_up_is_made_all_the_same(
    server: OpenAIServer, admin: OpenAI
) -> None:
    server.configure(delay_before={"service_account.create": 2.0})
    with pytest.raises(openai.APITimeoutError):
        mint(admin.with_options(timeout=0.1))
    end = time.monotonic() + 5
    while server.state()["overall"]["live"] == 0:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_account_deleted_behind_vaults_back(server: OpenAIServer, client: OpenAI) -> None:
    (live,) = server.state()["live"]
    server.delete_account(live["account_id"])
    with pytest.raises(openai.AuthenticationError):
        client.models.list()
    with pytest.raises(EmulatorError, match=r"/control/delete_account: .*there is no account"):
        server.delete_account(live["account_id"])


def test_a_project_of_ones_own(server: OpenAIServer, admin: OpenAI) -> None:
    project = server.create_project("team")
    assert admin.admin.organization.projects.retrieve(project).name == "team"
