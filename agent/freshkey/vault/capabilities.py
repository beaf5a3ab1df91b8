"""What a token's policies allow.

Source: https://developer.hashicorp.com/vault/api-docs/system/capabilities-self
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.core.model.faults import FaultError, Operation
from freshkey.vault.answers.faults import Request, not_vault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freshkey.core.model.secret import Secret
    from freshkey.vault.transport.session import Session


async def capabilities(
    session: Session, token: Secret, paths: Sequence[str]
) -> dict[str, frozenset[str]]:
    """Return the capabilities that a token has on each path; raises FaultError."""
    request = Request(Operation.LOOK_UP_CAPABILITIES, "sys/capabilities-self")
    answer = await session.ask(
        request,
        lambda vault: vault.post(request.url, json={"paths": list(paths)}),
        token=token,
    )
    data = answer.body.get("data")
    found = data if isinstance(data, dict) else {}
    if not all(isinstance(found.get(path), list) for path in paths):
        raise FaultError(not_vault("JSON without what a lookup of capabilities gives"))
    return {path: frozenset(map(str, found[path])) for path in paths}
