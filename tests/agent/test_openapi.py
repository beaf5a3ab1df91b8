"""docs/openapi.yaml says what a real agent answers, and nothing else."""

from __future__ import annotations

import ast
import json
import os
import re
import threading
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from freshkey.core.model.faults import FaultKind
from freshkey.core.model.view import KeyStatus
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from tests.agent.harness import Agent, UnixConnection, eventually
from tests.agent.reconfiguring import change, reload
from tests.gateway.conftest import make_gateway, port  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Engine

ROOT = Path(__file__).resolve().parents[2]
SERVE = ROOT / "agent" / "freshkey" / "serve"
DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
RUN = "/v1/gateway/run"
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]


def resolved(thing: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    while "$ref" in thing:
        found: Any = DOCUMENT
        for part in thing["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        thing = found
    return thing


def check(method: str, path: str, status: int, headers: dict[str, str], body: bytes) -> None:
    """Fail unless this answer is described for this path."""
    pattern = next(
        each for each in DOCUMENT["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each), path)
    )
    responses = DOCUMENT["paths"][pattern][method.lower()]["responses"]
    known = str(status) in responses
    assert known or status >= HTTPStatus.BAD_REQUEST, f"{method} {path}: {status} is not described"
    response = resolved(responses[str(status) if known else "default"])
    for name, header in response.get("headers", {}).items():
        if name not in headers and status >= HTTPStatus.BAD_REQUEST:
            continue  # each is of one error
        schema = resolved(header)["schema"]
        Draft202012Validator({"components": DOCUMENT["components"], **schema}).validate(
            headers[name]
        )
    if "content" not in response:
        assert body == b""
        return
    media = headers["Content-Type"].partition(";")[0]
    schema = response["content"][media]["schema"]
    value = json.loads(body) if media.endswith("json") else body.decode()
    validator = Draft202012Validator(
        {"components": DOCUMENT["components"], **schema},
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    validator.validate(value)


def ask(agent: Agent, method: str, target: str, body: object = None, **headers: str) -> int:
    """Ask, and check the answer; return its status."""
    connection = UnixConnection(agent.directory / "freshkey.sock")
    try:
        data = None if body is None else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with suppress(BrokenPipeError):  # a body that is too long is refused before it is read
            connection.request(method, target, data, named)
        answer = connection.getresponse()
        path = target.partition("?")[0]
        check(method, path, answer.status, dict(answer.getheaders()), answer.read())
        return answer.status
    finally:
        connection.close()


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


def test_answers_are_as_described(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    agent.start()
    tag = agent.wait_for_key()["tag"]
    key = "/v1/keys/billing"
    assert ask(agent, "GET", "/v1/keys") == 200
    assert ask(agent, "GET", key) == 200
    assert ask(agent, "GET", key, Accept="text/plain") == 200
    assert ask(agent, "GET", key, If_None_Match=f'"{tag}"') == 304
    assert ask(agent, "GET", f"{key}?wait=1s", If_None_Match=f'"{tag}"') == 304
    assert ask(agent, "GET", f"{key}?wait=soon") == 400
    assert ask(agent, "GET", "/v1/keys/nobody") == 404
    assert ask(agent, "POST", f"{key}/rejected", {"tag": "1-00000000"}) == 409
    assert ask(agent, "POST", f"{key}/rejected", {}) == 400
    assert ask(agent, "POST", f"{key}/rejected", {"tag": tag}) == 202
    assert ask(agent, "POST", f"{key}/rotate", {"now": True}) == 400
    assert ask(agent, "POST", f"{key}/rotate", {}) == 202
    assert ask(agent, "POST", f"{key}/rotate", {"pad": "x" * 5000}) == 413
    assert ask(agent, "GET", "/v1/status", X="x" * 20_000) == 431
    for path in ("/v1/status", "/metrics", "/livez", "/readyz", "/readyz/billing"):
        assert ask(agent, "GET", path) == 200, path
    assert ask(agent, "GET", "/readyz/nobody") == 404
    assert ask(agent, "GET", RUN) == 404


def test_events_are_as_described(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    agent.start()
    agent.wait_for_key()
    connection = UnixConnection(agent.directory / "freshkey.sock")
    connection.request("GET", "/v1/keys/billing/events")
    answer = connection.getresponse()
    lines = [answer.readline().decode().rstrip("\n") for _ in range(3)]
    connection.close()
    assert answer.getheader("Content-Type") == "text/event-stream"
    fields = dict(line.split(": ", 1) for line in lines)
    assert fields["event"] == "key"
    components = {"components": DOCUMENT["components"]}
    Draft202012Validator({**components, **SCHEMAS["Key"]}).validate(json.loads(fields["data"]))
    Draft202012Validator(SCHEMAS["Tag"]).validate(fields["id"])


def test_a_run_is_as_described(
    make_gateway: Callable[..., Agent],  # noqa: F811 - the fixture
) -> None:
    agent = make_gateway(f'user = "{os.geteuid()}"')
    sent = {"Authorization": "Bearer freshkey-run-" + "a" * 32}
    connection = UnixConnection(agent.directory / "freshkey.sock")
    connection.request("GET", RUN, headers=sent)
    answer = connection.getresponse()
    lines = [answer.readline().decode().rstrip("\n") for _ in range(2)]
    assert ask(agent, "GET", RUN, **sent) == 409
    connection.close()
    assert answer.getheader("Content-Type") == "text/event-stream"
    fields = dict(line.split(": ", 1) for line in lines)
    assert fields["event"] == "run"
    Draft202012Validator(SCHEMAS["Run"]).validate(json.loads(fields["data"]))
    assert ask(agent, "GET", RUN) == 400
    change(agent, f'user = "{os.geteuid()}"', f'user = "{os.geteuid() + 1}"')
    reload(agent)
    assert ask(agent, "GET", RUN, **sent) == 403


def test_errors_without_a_key_are_as_described(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    engine.vault.process.freeze()
    try:
        agent = make_agent()
        agent.start()
        eventually((agent.directory / "freshkey.sock").exists, "its socket")
        for path in ("/v1/keys/billing", "/readyz", "/readyz/billing"):
            assert eventually(partial(tried, agent, path), path) == 503
        assert ask(agent, "GET", "/v1/status") == 200
        assert ask(agent, "GET", "/v1/keys") == 200
        waiting = threading.Thread(target=ask, args=(agent, "GET", "/v1/keys/billing?wait=30s"))
        waiting.start()
        assert agent.end() == 0
        waiting.join(timeout=20)
        assert not waiting.is_alive()
    finally:
        engine.vault.process.thaw()


def tried(agent: Agent, path: str) -> int | None:
    """Ask once it listens."""
    try:
        return ask(agent, "GET", path)
    except OSError:
        return None


def test_every_word_of_the_code_is_described() -> None:
    codes = {
        call.args[1].value
        for file in SERVE.glob("*.py")
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "problem"
        and isinstance(call.args[1], ast.Constant)
    }
    assert set(SCHEMAS["Problem"]["properties"]["code"]["enum"]) == codes
    assert set(SCHEMAS["Fault"]["enum"]) == {kind.value for kind in FaultKind}
    assert set(SCHEMAS["State"]["enum"]) == {status.value for status in KeyStatus}


def test_what_is_not_described_is_not_served(make_agent: Callable[..., Agent]) -> None:
    agent = make_agent()
    agent.start()
    agent.wait_for_key()
    for path in ("/", "/v1", "/v1/keys/billing/secret", "/v2/keys", "/openapi"):
        status, _, body = agent.get(path)
        assert (status, json.loads(body)["code"]) == (404, "unknown_path")
    for path, methods in DOCUMENT["paths"].items():
        target = path.replace("{name}", "billing")
        for method in {"DELETE", "PUT", "PATCH"} - {each.upper() for each in methods}:
            connection = UnixConnection(agent.directory / "freshkey.sock")
            connection.request(method, target, "{}")
            assert connection.getresponse().status == 405, target
            connection.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b'{"name": "billing"}'), (418, b"{}"), (404, b'{"code": "made_up"}')],
)
def test_another_answer_would_be_found(status: int, body: bytes) -> None:
    media = "application/json" if status == 200 else "application/problem+json"
    headers = {"Content-Type": media, "ETag": '"1"', "Cache-Control": "no-store"}
    with pytest.raises(Exception, match=r"required|enum|is not described|not one of"):
        check("GET", "/v1/keys/billing", status, headers, body)
