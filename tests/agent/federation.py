"""A key by workload identity federation, for tests of the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from testbed.federation import (
    AUDIENCE,
    FederatedAccount,
    enable_identity_tokens,
    entity_of,
    federate,
)
from tests.agent.harness import Engine

if TYPE_CHECKING:
    from tests.agent.harness import Agent

ROLE_IN_PATH = "identity/oidc/token"


@dataclass
class Federation:
    """Vault as a provider of identities that OpenAI trusts, and an account for the agent."""

    engine: Engine
    account: FederatedAccount

    @classmethod
    def of(cls, engine: Engine, ttl: str = "1h") -> Federation:
        """Set both sides up; the agent's policy allows to ask for identity tokens, too."""
        issuer = enable_identity_tokens(engine.vault, engine.mount, ttl=ttl)
        entity = entity_of(engine.vault, engine.mount, engine.role_id)
        account = federate(engine.openai, engine.project_id, issuer, {"sub": entity})
        engine.vault.write_policy(engine.mount, cls._policy(engine))
        return cls(engine, account)

    @staticmethod
    def _policy(engine: Engine) -> str:
        paths = {
            engine.path: "read",
            f"sys/leases/revoke/{engine.path}/*": "update",
            f"{engine.mount}-kv/data/billing": "read",
            f"{ROLE_IN_PATH}/{engine.mount}": "read",
        }
        return "\n".join(f'path "{p}" {{ capabilities = ["{c}"] }}' for p, c in paths.items())

    def table(self, **options: str) -> str:
        """The table of the configuration; `options` are TOML values."""
        usual = {
            "identity_provider_id": f'"{self.account.provider_id}"',
            "service_account_id": f'"{self.account.account_id}"',
            "vault_oidc_role": f'"{self.engine.mount}"',
            "exchange_url": f'"{self.engine.openai.exchange_url}"',
        }
        lines = [f"{name} = {value}" for name, value in (usual | options).items() if value]
        return "\n".join(["[keys.billing.federation]", *lines, ""])

    def edit(self, agent: Agent, **options: str) -> None:
        """Have the configuration take the key from federation, whatever its source was."""
        text = agent.config.read_text()
        text = re.sub(r"^path = .*creds.*$|^path = .*data.*$", "", text, flags=re.MULTILINE)
        text = re.sub(r"\[keys\.billing\.federation\][^\[]*", "", text)
        text = text.replace('source = "federation"\n', "")
        text = text.replace("[keys.billing]\n", '[keys.billing]\nsource = "federation"\n', 1)
        verify = "[keys.billing.verify]"
        text = text.replace(verify, f"{self.table(**options)}{verify}", 1)
        other = agent.config.with_name("config.new")
        other.write_text(text)
        other.replace(agent.config)

    def sign_for(self, ttl: str) -> None:
        """Have identity tokens live for so long."""
        mount = self.engine.mount
        fields = {"key": mount, "client_id": AUDIENCE, "ttl": ttl}
        self.engine.vault.request("POST", f"identity/oidc/role/{mount}", fields)
