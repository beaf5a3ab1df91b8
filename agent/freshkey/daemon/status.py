"""What the agent tells of itself, ready for JSON: `GET /v1/status`. It holds no secrets."""

from __future__ import annotations

import os
from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias, final

from freshkey import __version__
from freshkey.core.keys import lifecycle as keys
from freshkey.core.keys import revocation
from freshkey.core.model.text import one_line
from freshkey.host.clock import boot_time

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from freshkey.core.model.faults import Trouble
    from freshkey.core.model.state import AgentState, KeyState
    from freshkey.daemon.publisher import Publisher
    from freshkey.host.clock import WallClock

Json: TypeAlias = "dict[str, object]"


_STARTED: Final = boot_time()  # of this process: a reload makes another Reporter


@final
class Reporter:
    """Describes a state.

    `address` is Vault's, None where no key needs one. `readers` lists who read the key of a name,
    ready for JSON; `hook_trouble` says what keeps its hooks from working.
    """

    def __init__(
        self,
        address: str | None,
        clock: WallClock,
        publisher: Publisher,
        readers: Callable[[str], Sequence[Mapping[str, object]]],
        hook_trouble: Callable[[str], Trouble | None],
    ) -> None:
        self._address = address
        self._clock = clock
        self._publisher = publisher
        self._readers = readers
        self._hook_trouble = hook_trouble

    def describe(self, state: AgentState, names: Collection[str]) -> Json:
        """Return the status with these keys; times are RFC 3339 in UTC, spans whole seconds."""
        trouble, link = state.tokens.trouble, state.link
        fault = link.fault or (trouble.fault if trouble else None)
        token = state.tokens.current
        return {
            "version": __version__,
            "pid": os.getpid(),
            "started": self._clock.not_after(_STARTED),
            "vault": {"address": self._address, "fault": fault.kind if fault else None},
            "token": {
                "accessor": token.accessor if token else None,
                "expires_in": self._expires_in(token.good_until) if token else None,
            },
            "keys": [
                self._key(key, state) for key in state.keys if not key.removed and key.name in names
            ],
        }

    def _key(self, key: KeyState, state: AgentState) -> Json:
        view = keys.view(key, state.tokens, state.link)
        out = view.publication
        return {
            "name": key.name,
            "tag": out.tag if out else None,
            "generation": key.generation,
            "state": view.status,
            "age": round(boot_time() - key.published_at) if out else None,
            "expires_in": self._expires_in(out.expires_at) if out else None,
            "not_after": self._not_after(out.expires_at) if out else None,
            "stale": key.watch.stale,
            "api_key_id": out.api_key_id if out else None,
            "leases": keys.leases(key),
            "pending_revocations": revocation.pending(key, boot_time()),
            "last_fault": self._trouble(key.trouble or self._hook_trouble(key.name)),
            "files": [
                {"path": one_line(str(path)), "ok": ok, "fault": fault}
                for path, ok, fault in self._publisher.files(key.name)
            ],
            "readers": self._readers(key.name),
        }

    def _trouble(self, trouble: Trouble | None) -> Json | None:
        if trouble is None:
            return None
        return {
            "operation": trouble.operation,
            "fault": trouble.fault.kind,
            "message": trouble.fault.message,
            "time": self._clock.not_after(trouble.at),
        }

    def _expires_in(self, at: float | None) -> int | None:
        return None if at is None or at == inf else self._clock.expires_in(at)

    def _not_after(self, at: float | None) -> str | None:
        return None if at is None or at == inf else self._clock.not_after(at)
