"""The emulator's answers, as the official client for Node reads them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.apps.page import NODE_MODULES
from tests.testbed.emulator_key import Keyed, faultless

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.apps

ANSWER = "The key works."
EXPECTED = {
    "chat": [ANSWER, 3],
    "chat_stream": [ANSWER, 3],
    "responses_stream": [ANSWER, 3],
    "embeddings": [[16, 16], 2],
    "files": [300_000, 300_000, True],
    "images": [True, 272],
    "transcription": [ANSWER, 30],
    "speech": ["audio/mpeg", 12_288],
    "realtime": [ANSWER, 3, 1000],
}


@pytest.fixture
def keyed() -> Iterator[Keyed]:
    if not shutil.which("node") or not NODE_MODULES.exists():
        pytest.skip("there is no node on this machine, or npm has not installed tests/apps/node")
    with faultless() as server:
        yield Keyed.fresh(server)


def ask(keyed: Keyed) -> dict[str, Any]:
    done = subprocess.run(
        ["node", str(NODE_MODULES.parent / "openai_calls.mjs")],
        env={
            "PATH": os.environ["PATH"],
            "OPENAI_BASE_URL": keyed.server.base_url,
            "OPENAI_API_KEY": keyed.key,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_the_official_client_reads_every_answer(keyed: Keyed) -> None:
    assert ask(keyed) == EXPECTED


def test_every_call_is_refused_with_a_deleted_key(keyed: Keyed) -> None:
    keyed.server.delete_account(keyed.account_id)
    refused = dict.fromkeys(EXPECTED, "401")
    refused["realtime"] = "Unexpected server response: 401"
    assert ask(keyed) == refused
