"""Files made by templates, with the real agent: over rotations, a restart, and a withdrawal."""

from __future__ import annotations

import json
import signal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.agent.harness import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine

FILES = """
[[keys.billing.files]]
path = "keys/both.json"
format = "template"
template_file = "both.j2"
[keys.search]
path = "{path}"
verify = {{mode = "off"}}
"""
BOTH = """{
{%- for name in keys %}
  {{ name | json }}: {"key": {{ keys[name].key | json }}, "tag": {{ keys[name].tag | json }}}
  {{- "" if loop.last else "," }}
{%- endfor %}
}
"""


def make(engine: Engine, make_agent: Callable[..., Agent]) -> Agent:
    agent = make_agent(extra=FILES.format(path=engine.path))
    template = agent.directory / "both.j2"
    template.write_text(BOTH)
    template.chmod(0o600)
    return agent


def both(agent: Agent) -> dict[str, Any] | None:
    """What the file of both keys shows, None while it is not there."""
    try:
        read: dict[str, Any] = json.loads((agent.directory / "keys" / "both.json").read_text())
    except FileNotFoundError:
        return None
    return read


def on_socket(agent: Agent) -> dict[str, Any]:
    """What the socket has of each key, in the form of the file."""
    found = {}
    for name in ("billing", "search"):
        status, _, body = agent.get(f"/v1/keys/{name}")
        answer = json.loads(body) if status == HTTPStatus.OK else {}
        found[name] = {"key": answer.get("key"), "tag": answer.get("tag")}
    return found


def test_a_file_of_two_keys(engine: Engine, make_agent: Callable[..., Agent]) -> None:
    agent = make(engine, make_agent)
    agent.start()
    first = eventually(lambda: both(agent), "the file of both keys")
    assert first == on_socket(agent)
    assert agent.post("/v1/keys/search/rotate") == HTTPStatus.ACCEPTED
    eventually(lambda: both(agent) != first, "the file has the next key")
    second = both(agent)
    assert second is not None
    assert second["billing"] == first["billing"]
    eventually(lambda: second == on_socket(agent), "the socket follows")

    told = len(agent.logged("key.file_failed"))
    assert agent.end(signal.SIGTERM) == 0
    (agent.directory / "keys" / "both.json").unlink()
    agent.start()
    assert eventually(lambda: both(agent), "the file after a restart") == second
    assert len(agent.logged("key.file_failed")) == told, "what the journal holds is no fault"


def test_a_key_that_is_withdrawn_is_shown_by_no_file(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    agent = make(engine, make_agent)
    agent.start()
    first = eventually(lambda: both(agent), "the file of both keys")
    engine.openai.configure(errors={"service_account.create": "rate_limited"})
    assert agent.post("/v1/keys/search/rotate", compromised=True, now=True) == HTTPStatus.ACCEPTED
    eventually(lambda: both(agent) is None, "the file is gone")
    assert agent.key_file.read_text() == first["billing"]["key"]
    (billing, _) = json.loads(agent.get("/v1/status")[2])["keys"]
    (file,) = (file for file in billing["files"] if file["path"].endswith("both.json"))
    assert (file["ok"], file["fault"]) == (False, "keys.search has no key yet: wait until it has")
