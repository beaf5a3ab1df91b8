"""The side of the models."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.contract_side import TTL
from tests.simulation.http import HttpAnswer, HttpRequest
from tests.simulation.openai_model import OpenAIModel
from tests.simulation.vault_api import VaultApi, throttled
from tests.simulation.vault_model import Role, VaultModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.emulator.errors import ErrorName


@dataclass
class Model:
    """The simulation's."""

    batch: bool = False
    token_ttl: float = 20.0

    def __post_init__(self) -> None:
        self.now = 1000.0
        random = Random(1)  # noqa: S311 - a model's
        self.openai = OpenAIModel(random)
        self.vault = VaultModel(
            self.openai,
            random,
            self.token_ttl,
            2 * self.token_ttl,
            self.batch,
        )
        self.vault.roles["billing"] = Role(TTL, 4 * TTL)
        self.vault.roles["renewable"] = Role(TTL, 4 * TTL, renewable=True)
        self.vault.static["billing"] = "sk-static"
        self.api = VaultApi(self.vault, "role", "secret")

    def ask(
        self,
        method: str,
        path: str,
        token: str = "",
        query: Mapping[str, str] | None = None,
        **body: object,
    ) -> HttpAnswer:
        self.now += 0.01
        request = HttpRequest(method, f"/v1/{path}", query or {}, token, body)
        return self.api.answer(request, self.now)

    def models(self, key: str) -> HttpAnswer:
        self.vault.settle(self.now)
        return self.openai.models(key, self.now)

    def log_in(self) -> str:
        answer = self.ask("POST", "auth/approle/login", role_id="role", secret_id="secret")
        return str((answer.body or {})["auth"]["client_token"])

    def trouble(self, name: ErrorName) -> None:
        self.openai.organization_error = name

    def trouble_models(self, name: ErrorName) -> None:
        self.openai.models_error = name

    def exchange(self, status: int = 200) -> HttpAnswer:
        self.openai.exchange_error = 0 if status in {200, 503} else status
        self.openai.models_error = "unavailable" if status == 503 else ""
        return self.openai.exchange("billing", 3600.0, self.now)

    def refuse_deletions(self) -> None:
        self.openai.deletion_error = "rate_limited"

    def forbid(self) -> None:
        self.api.forbidden = frozenset({"openai/creds/"})

    def seal(self) -> None:
        self.api.sealed = True

    def throttle(self, token: str) -> HttpAnswer:
        del token
        return throttled("/v1/openai/creds/nobody", 1)

    def wait(self, seconds: float) -> None:
        self.now += seconds
