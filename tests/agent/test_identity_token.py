"""A whole agent that logs in with an identity token, which somebody replaces now and then."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.logins.issuer import AUDIENCE, Issuer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.harness import Agent, Engine


def test_a_later_login_shows_the_token_of_then(
    engine: Engine, make_agent: Callable[..., Agent]
) -> None:
    mount, issuer, vault = f"{engine.mount}-jwt", Issuer(), engine.vault
    vault.request("POST", f"sys/auth/{mount}", {"type": "jwt"})
    vault.request("POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": issuer.public_key})

    def accept(subject: str) -> None:
        fields = {
            "role_type": "jwt",
            "user_claim": "aud",
            "bound_audiences": [AUDIENCE],
            "bound_subject": subject,
            "token_policies": [engine.mount],
        }
        vault.request("POST", f"auth/{mount}/role/agent", fields)

    agent = make_agent()
    auth = f'[auth]\nmethod = "jwt"\nmount = "{mount}"\nrole = "agent"\njwt_file = "id_token"\n'
    text = agent.config.read_text()
    agent.config.write_text(re.sub(r"\[auth\].*?(?=\[state\])", auth, text, flags=re.DOTALL))
    file = agent.directory / "id_token"
    tokens = [issuer.token(sub="first"), issuer.token(sub="second")]

    accept("first")
    file.write_text(tokens[0])
    agent.start()
    tag = agent.wait_for_key()["tag"]
    accept("second")
    file.write_text(tokens[1])
    accessor = agent.status()["token"]["accessor"]
    vault.request("POST", "auth/token/revoke-accessor", {"accessor": accessor})
    assert agent.post("/v1/keys/billing/rotate") == HTTPStatus.ACCEPTED
    agent.wait_for_key(other_than=tag)
    assert agent.end() == 0
    written = [path.read_text() for path in (agent.directory / "log", agent.journal)]
    assert not [token for token in tokens if token in "".join(written)]
    vault.request("DELETE", f"sys/auth/{mount}")
