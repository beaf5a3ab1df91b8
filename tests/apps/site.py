"""An agent whose key changes every few seconds, and what OpenAI counted of each program."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from testbed.emulator.organization import ADMIN_API_KEY
from tests.agent.harness import Agent, Engine

if TYPE_CHECKING:
    from pathlib import Path


KEYS: Final = 4  # that each program has to have used: three rotations
TTL: Final = 8  # seconds: the key is replaced after half of it, and its overlap is 2 s


@dataclass(frozen=True)
class Counted:
    """What the emulator counted of one program: its requests, and the keys they came with."""

    requests: int
    keys: int


@dataclass(frozen=True)
class Site:
    """The real parts that the programs run against."""

    engine: Engine
    agent: Agent
    gateway_url: str

    @property
    def base_url(self) -> str:
        return self.engine.openai.base_url

    @property
    def socket(self) -> Path:
        return self.agent.directory / "freshkey.sock"

    @property
    def credential(self) -> Path:
        return self.agent.directory / "billing.cred"

    @property
    def gateway_socket(self) -> Path:
        return self.agent.directory / "openai.sock"

    @property
    def keys(self) -> Path:
        return self.agent.directory / "keys"

    def counted(self) -> dict[str, Counted]:
        """Return what was answered so far, by model, which each program has one of its own of."""
        state = self.engine.openai.state()
        query = {"start_time": int(state["now"]) - 3000, "bucket_width": "1m", "limit": 1440}
        path = f"/v1/organization/usage/completions?{urlencode(query)}&group_by=model"
        connection = http.client.HTTPConnection("127.0.0.1", self.engine.openai.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {ADMIN_API_KEY}"}
            connection.request("GET", f"{path}&group_by=api_key_id", headers=headers)
            page = json.load(connection.getresponse())
        finally:
            connection.close()
        requests: dict[str, int] = {}
        keys: dict[str, set[str]] = {}
        for result in (one for bucket in page["data"] for one in bucket["results"]):
            model = result["model"]
            requests[model] = requests.get(model, 0) + result["num_model_requests"]
            keys.setdefault(model, set()).add(result["api_key_id"])
        return {model: Counted(requests[model], len(keys[model])) for model in requests}

    def keys_of(self, model: str) -> int:
        """Return how many keys were used for a model so far."""
        counted = self.counted()
        return counted[model].keys if model in counted else 0

    def refused(self) -> int:
        """Return how many requests were answered 401 so far."""
        return self.engine.openai.state()["refusals"]
