"""Speaks HTTP to an emulator in this process, where time passes only when a test says so."""

from typing import Any

import httpx

from testbed.emulator.app import create_app
from testbed.emulator.organization import ADMIN_API_KEY, PROJECT_ID

START = 1_790_000_000
ACCOUNTS = f"/v1/organization/projects/{PROJECT_ID}/service_accounts"


class Client:
    """Speaks to the emulator as an administrator, as an application, and as its controller."""

    def __init__(self) -> None:
        self.now: float = START
        transport = httpx.ASGITransport(create_app(lambda: self.now, lambda _: None))
        self.http = httpx.AsyncClient(transport=transport, base_url="http://openai")

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = ADMIN_API_KEY
    ) -> httpx.Response:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def mint(self, name: str = "vault-billing-1", **body: object) -> dict[str, Any]:
        response = await self.call("POST", ACCOUNTS, {"name": name, **body})
        assert response.status_code == 200, response.text
        made: dict[str, Any] = response.json()
        return made

    async def models(self, key: str) -> int:
        return (await self.call("GET", "/v1/models", key=key)).status_code

    async def configure(self, **settings: object) -> None:
        (await self.call("PUT", "/control/settings", settings)).raise_for_status()

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = (await self.call("GET", "/control/state")).json()
        return state
