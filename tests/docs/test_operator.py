"""What pages say to an operator, run as it stands, with a running agent and a real Vault."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import shutil
import time
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from testbed.emulator.organization import ADMIN_API_KEY
from tests.agent.harness import eventually
from tests.agent.reconfiguring import change, reload
from tests.docs.pages import DOCS, blocks, commands
from tests.docs.site import Site, lines, needs_curl
from tests.support.ports import free_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

APP = "#!/bin/sh\nprintf '%s\\n' \"$OPENAI_API_KEY\" >> used\nexec sleep 1000\n"
ASK = """
import os
from openai import OpenAI
print([model.id for model in OpenAI().models.list()], dict(os.environ))
"""
SHOW = """#!/usr/bin/env python
import os, sys
print(*sys.argv[1:], *(os.environ.get(name) for name in ("OPENAI_API_KEY", "SEARCH_KEY")))
"""


@contextmanager
def ended(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait(timeout=30)


def read(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


@needs_curl
def test_the_readme(site: Site) -> None:
    """From the check to a key that an application uses, and through a rotation."""
    check, check_online, run = lines(commands("readme-check"))
    assert site.run(check) == "no fault found\n"
    assert "✗" not in site.run(check_online)
    with ended(site.begin(run, site.agent.directory / "log.json")):
        eventually(lambda: site.agent.key_file.exists() or None, "a key file")
        key = site.agent.key_file.read_text()
        assert site.run(commands("readme-curl")) == key
        client = site.here(commands("readme-client"))
        (site.home / "client.py").write_text(f"{client}\nprint(client.models.list().data[0].id)\n")
        assert site.run("python client.py")
        asked(site, key)


def asked(site: Site, key: str) -> None:
    status, get, watch, run, rotate = lines(commands("operating-ask"))
    assert "billing" in site.run(status)
    assert site.run(get) == key
    site.program("app", APP)
    watched = site.home / "watched"
    with ended(site.begin(watch, watched), site.begin(run, site.home / "said")):
        eventually(lambda: read(watched) and read(site.home / "used"), "both have begun")
        old, _, new = site.run(rotate).partition(": ")[2].strip().partition(" -> ")
        eventually(lambda: len(read(watched)) == 2 or None, "a line for the new generation")
        assert [json.loads(line)["tag"] for line in read(watched)] == [old, new]
        eventually(lambda: len(read(site.home / "used")) == 2 or None, "a start with the new key")
    assert read(site.home / "used") == [key, site.agent.key_file.read_text()]


def test_a_command_without_a_key(site: Site) -> None:
    """It asks through the gateway, with what OpenAI's client finds in its environment."""
    (table,) = (one.text for one in blocks(DOCS / "exec.md") if "[gateway]" in one.text)
    for old, new in (
        ("127.0.0.1:8317", f"127.0.0.1:{free_port()}"),
        ('user = "billing"', f'user = "{os.geteuid()}"'),
        ("[gateway]", f'[gateway]\nupstream = "{site.engine.openai.base_url}"'),
    ):
        assert old in table
        table = table.replace(old, new)
    with site.agent.config.open("a") as file:
        file.write(table)
    site.agent.start()
    key = site.key()
    site.program("app", f"#!/usr/bin/env python\n{ASK}")
    (site.home / "app.py").write_text(ASK)
    for script in (commands("readme-gateway"), commands("exec-gateway")):
        said = site.run(script)
        assert "gpt-4o-mini" in said
        assert key not in said


@needs_curl
def test_metrics(site: Site) -> None:
    site.agent.start()
    site.key()
    assert 'freshkey_key_generation{key="billing"} 1.0' in site.run(commands("metrics"))


def test_exec(site: Site) -> None:
    site.program("server", SHOW)
    (site.home / "app.py").write_text(SHOW)
    one, two = lines(commands("exec"))
    site.agent.start()
    key = site.key()
    assert site.run(one) == f"{key} None\n"
    another = f'[keys.search]\npath = "{site.engine.path}"\n[keys.search.verify]\nmode = "off"\n'
    change(site.agent, "[state]", f"{another}[state]")
    reload(site.agent)
    other = json.loads(site.run("freshkey get search --wait 30s --format json"))["key"]
    assert site.run(two) == f"--port 8080 {key} {other}\n"


def test_policy(site: Site) -> None:
    policy, setup, check = lines(commands("policy"))
    assert f'path "{site.engine.path}"' in site.run(policy)
    assert "vault policy write" in site.run(setup)
    assert "✗" not in site.run(check)


def test_a_key_that_has_leaked(site: Site) -> None:
    compromised, now, report = lines(commands("leaked"))
    site.agent.start()
    for command in (compromised, now):
        key = site.key()
        assert site.engine.works(key)
        site.run(command)
        eventually(partial(is_refused, site, key), "the old key has gone")
        assert site.engine.works(site.agent.key_file.read_text())
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert site.run(report.replace("2026-11-29", today)).count("revoked") >= 2


def is_refused(site: Site, key: str) -> bool:
    return not site.engine.works(key)


def accounts(site: Site) -> bytes:
    """What OpenAI answers whoever asks for a project's service accounts."""
    connection = http.client.HTTPConnection("127.0.0.1", site.engine.openai.port, timeout=10)
    path = f"/v1/organization/projects/{site.engine.project_id}/service_accounts?limit=100"
    with closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {ADMIN_API_KEY}"})
        answer = connection.getresponse()
        assert answer.status == http.HTTPStatus.OK
        return answer.read()


def test_reports(site: Site) -> None:
    site.agent.start()
    tag = site.agent.wait_for_key()["tag"]
    site.run("freshkey rotate billing")
    site.agent.wait_for_key(other_than=tag)
    (site.home / "audit-of-every-host").mkdir()
    for copy in ("audit", "audit-of-every-host/one", "audit-of-every-host/two"):
        shutil.copy(site.record / "audit", site.home / copy)
    (site.home / "audit.1.gz").write_bytes(gzip.compress((site.record / "audit").read_bytes()))
    (site.home / "accounts.json").write_bytes(accounts(site))
    for command in lines(commands("report-files")):
        site.run(command)
    assert len(read(site.home / "november.csv")) == 3
    assert tag in site.run(commands("pilot"))
