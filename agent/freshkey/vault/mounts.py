"""Which engine a path belongs to: what Vault's own command line asks before it reads KV.

Vault tells it to every token that may do anything there, whatever else its policies say.
Source: https://developer.hashicorp.com/vault/api-docs/system/internal-ui-mounts
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import Operation
from freshkey.core.model.struct import Struct
from freshkey.vault.answers.faults import Request
from freshkey.vault.transport.session import CALL_TIMEOUT

if TYPE_CHECKING:
    from freshkey.core.model.secret import Secret
    from freshkey.vault.transport.session import Session

_KV: Final = frozenset({"kv", "generic"})


class Mount(Struct, frozen=True):
    """A mounted engine: `path` ends with a slash, `version` is KV's, empty for others."""

    path: str
    kind: str
    version: str

    @property
    def is_kv(self) -> bool:
        """Whether it keeps secrets, which then have no lease."""
        return self.kind in _KV


async def mount_of(
    session: Session,
    token: Secret,
    path: str,
    *,
    seconds: float = CALL_TIMEOUT,
    abandon: bool = True,
) -> Mount:
    """Return the mount that a path belongs to; raises FaultError. The rest: see `Session.ask`."""
    request = Request(Operation.LOOK_UP_CAPABILITIES, f"sys/internal/ui/mounts/{path}")
    answer = await session.ask(
        request, lambda vault: vault.get(request.url), token=token, seconds=seconds, abandon=abandon
    )
    data = answer.body.get("data")
    found = data if isinstance(data, dict) else {}
    options = found.get("options")
    version = options.get("version") if isinstance(options, dict) else None
    return Mount(str(found.get("path", "")), str(found.get("type", "")), str(version or ""))
