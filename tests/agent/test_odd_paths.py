"""Paths in Vault with slashes in their mount, spaces, quotes, and letters of any script."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.agent.checking import checked
from tests.agent.harness import eventually
from tests.agent.reconfiguring import change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.agent.harness import Agent, Engine

NAME = 'with space/\u00fc "quoted" ${x} 100 % a?b#c'


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
def path(engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """A secret with a key in it, in a KV engine whose mount has a slash, too."""
    mount = f"team/{engine.mount} \u00fc"
    engine.vault.enable_kv(mount, request.param)
    path = f"{mount}/data/{NAME}" if request.param == 2 else f"{mount}/{NAME}"
    put(engine, path)
    yield path
    engine.vault.request("DELETE", f"sys/mounts/{mount}")


def put(engine: Engine, path: str) -> None:
    _, key = engine.openai.create_key(engine.project_id)
    fields = {"api_key": f"{key}\n"}
    engine.vault.request("POST", path, {"data": fields} if "/data/" in path else fields)


def test_a_life_under_the_printed_policy(
    engine: Engine, path: str, make_agent: Callable[..., Agent]
) -> None:
    agent = make_agent(refresh='"1h"', extra='[log]\naudit_file = "audit"')
    change(agent, f'"{engine.path}"', json.dumps(path, ensure_ascii=False))
    printed = agent.command("policy")
    assert (printed.returncode, printed.stderr) == (0, "")
    engine.vault.write_policy(engine.mount, printed.stdout)
    assert checked(agent, 0)["warnings"] == {}
    agent.start()
    first = agent.wait_for_key()
    assert engine.works(first["key"])
    agent.end(signal.SIGKILL)
    agent.start()
    assert agent.wait_for_key()["tag"] == first["tag"], "the journal knows the path"
    put(engine, path)
    done = agent.command("rotate", "billing")
    assert (done.returncode, done.stderr) == (0, "")
    assert engine.works(agent.wait_for_key(other_than=first["tag"])["key"])
    assert agent.end() == 0
    (cleaned, *_) = agent.logged("secret.cleaned")
    assert (cleaned["path"], cleaned["taken_off"]) == (path, "a line feed after")
    records = [json.loads(line) for line in (agent.directory / "audit").read_text().splitlines()]
    fetched = [record for record in records if record["event"] == "key.fetched"]
    assert len(fetched) == 2


@pytest.mark.parametrize("path", [2], indirect=True, ids=["v2"])
def test_the_check_says_what_run_would(
    engine: Engine, path: str, make_agent: Callable[..., Agent]
) -> None:
    """A path without data/ in a mount with a slash: both name the very path that is right."""
    mount, name = path.split("/data/", 1)
    agent = make_agent()
    wrong, right = (json.dumps(p, ensure_ascii=False) for p in (f"{mount}/{name}", path))
    change(agent, f'"{engine.path}"', wrong)
    engine.vault.write_policy(engine.mount, f'path "{mount}/*" {{ capabilities = ["read"] }}')
    fault = checked(agent, 1)["faults"]["keys.billing.path"]
    assert fault.endswith(f"write {path}")
    agent.start()
    eventually(lambda: agent.logged("agent.started"), "it listens")
    fault = eventually(lambda: agent.status()["last_fault"], "it is refused")
    assert fault["message"].endswith(f"write {path}")
    assert agent.end() == 0
    change(agent, wrong, right)
    assert checked(agent, 0)["faults"] == {}
