"""The running agent answers as docs/openapi.yaml says, whatever schemathesis makes of it to ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fuzz.forwarder import Forwarder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine

pytestmark = pytest.mark.fuzz

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
OPTIONS = (  # all checks are on, but for what the configuration says
    *("--mode", "all", "--phases", "examples,coverage,fuzzing"),
    *("--max-examples", "15", "--request-timeout", "10", "--no-color"),
    *("--seed", "1"),  # every run asks the same, but for tags, which are the agent's own
)


def test_what_is_described_is_what_is_answered(
    make_gateway: Callable[..., Agent], engine: Engine, tmp_path: Path
) -> None:
    agent = make_gateway(f'user = "{os.geteuid()}"')
    engine.openai.configure(activation_delay=1)  # so the moments without a key are met, too
    with Forwarder(agent.directory / "freshkey.sock") as forwarder:
        command = [str(SCHEMATHESIS), "--config-file", str(CONFIG), "run", str(DOCUMENT), "--url"]
        done = subprocess.run(
            [*command, forwarder.url, *OPTIONS],
            cwd=tmp_path,  # it leaves something there
            capture_output=True,
            text=True,
            check=False,
        )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert agent.process is not None
    assert agent.process.poll() is None
    agent.wait_for_key()  # whatever was asked of it, it has a key again
    assert not [event for event in agent.log() if event.get("level") == "error"]
