"""configs/compose.yaml: its two services, started as it says, around a volume that they share."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from testbed.container import Container, Identity, Volume
from tests.agent.harness import eventually
from tests.docs.pages import commands
from tests.support.packages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.image.conftest import Deployment

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]

FILE = ROOT / "configs" / "compose.yaml"


def identity(service: dict[str, Any]) -> Identity:
    user, group = map(int, service["user"].split(":"))
    return Identity(user, group)


def test_the_application_has_a_good_key_through_a_rotation(
    deployment: Deployment, tmp_path: Path
) -> None:
    compose = yaml.safe_load(FILE.read_text())
    agent, application = compose["services"]["freshkey"], compose["services"]["application"]
    options = dict(
        option.split("=") for option in compose["volumes"]["keys"]["driver_opts"]["o"].split(",")
    )
    assert agent["volumes"] == ["./freshkey:/etc/freshkey:ro", "keys:/run/freshkey"]
    assert application["volumes"] == ["keys:/run/freshkey:ro"]
    assert agent["read_only"]

    deployment.configure(overlap='"2s"')
    own = identity(agent)
    os.chown(deployment.runtime, int(options["uid"]), own.group)
    deployment.runtime.chmod(int(options["mode"], 8))
    give = commands("compose-credentials").replace("configs/freshkey", f"{deployment.etc}")
    subprocess.run(["bash", "-euc", give], check=True)
    running = deployment.start(own)
    eventually(lambda: deployment.is_healthy(own) or None, "health")

    log = tmp_path / "application.log"
    environment = {**application["environment"], **deployment.image.config.environment}
    environment["OPENAI_BASE_URL"] = deployment.engine.openai.base_url
    there = Container(
        deployment.image.root,
        log,
        identity(application),
        volumes=(Volume(deployment.runtime, "/run/freshkey", read_only=True),),
        environment=environment,
    )
    command = [
        part.replace("time.sleep(10)", "time.sleep(0.05)") for part in application["command"]
    ]
    process = there.start(*command)
    deployment.running.append(process)
    before = eventually(lambda: log.read_text().count("models: 200") or None, "requests")
    assert deployment.agent.post("/v1/keys/billing/rotate") == 202
    eventually(lambda: deployment.engine.counts()["deletions"] or None, "the old key is gone")
    eventually(lambda: log.read_text().count("models: 200") > before + 20 or None, "requests")
    assert process.running, process.tail()
    assert "Error" not in log.read_text()
    assert running.end() == 0
