"""Calls to Vault: its nodes in order, one call at a time in a thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.struct import replace
from freshkey.vault.answers.parsing import Answer, Json
from freshkey.vault.transport.connection import Connection
from freshkey.vault.transport.redirects import MovedError
from freshkey.vault.transport.thread import in_thread
from freshkey.vault.transport.tls import Trust

if TYPE_CHECKING:
    from collections.abc import Callable

    from freshkey.core.model.faults import Operation
    from freshkey.core.model.secret import Secret
    from freshkey.settings.model import VaultSettings
    from freshkey.vault.answers.faults import Request
    from freshkey.vault.transport.adapter import Vault

CALL_TIMEOUT: Final = 10.0
_THREADS: Final = 16
_MOST_REDIRECTS: Final = 3
_LEADERLESS: Final = Fault(
    FaultKind.UNREACHABLE, "the nodes of Vault redirect to each other: none is active for now"
)
_NODE_AWAY: Final = frozenset({FaultKind.UNREACHABLE, FaultKind.TLS, FaultKind.SEALED})


class Session:
    """Asks Vault. The node that answered last is asked first; `now` reads the lease clock.

    `observe` hears how many seconds each request took, answered or not.
    """

    def __init__(
        self,
        settings: VaultSettings,
        now: Callable[[], float],
        observe: Callable[[Operation, float], None] = lambda *_: None,
    ) -> None:
        configured = (settings.address, *settings.addresses)
        self._nodes = tuple(dict.fromkeys(address for address in configured if address))
        self._namespace = settings.namespace
        self._trust = Trust(settings)
        self._now = now
        self._observe = observe
        self._first = 0
        self._limiter = trio.CapacityLimiter(_THREADS)
        self._held: set[Connection] = set()
        self._given_up = False

    def give_up(self) -> None:
        """Cut what a cancellation does not, and ask no other node: the process is about to end."""
        self._given_up = True
        for connection in self._held:
            connection.give_up()

    async def ask(
        self,
        request: Request,
        call: Callable[[Vault], Json],
        *,
        token: Secret | None = None,
        seconds: float = CALL_TIMEOUT,
        abandon: bool = True,
    ) -> Answer:
        """Make `call`, in a thread, at a node that answers; each one tried has `seconds`.

        Raises FaultError. A call that may have reached a node is not repeated at the next one.
        """
        perform = partial(_perform, request, call, token, self._namespace)
        nodes = [*self._nodes[self._first :], *self._nodes[: self._first]]
        faults: list[FaultError] = []
        redirects = 0
        passed_on = False
        while nodes:
            node = nodes.pop(0)
            connection = Connection(node, self._trust, seconds)
            asked_at = self._now()
            if not abandon:
                self._held.add(connection)
            try:
                body = await in_thread(
                    partial(perform, connection),
                    connection.cut,
                    seconds=seconds,
                    limiter=self._limiter,
                    abandon=abandon,
                )
            except MovedError as moved:
                to = moved.node(self._nodes)
                if to is not None and redirects < _MOST_REDIRECTS:
                    redirects += 1
                    nodes.insert(0, to)
                    # A standby says so as well when the leader is lost while it has the request.
                    passed_on = not abandon
                else:
                    faults.append(moved if to is None else FaultError(_LEADERLESS))
            except FaultError as error:
                if error.fault.kind not in _NODE_AWAY:
                    raise
                self._first = (self._nodes.index(node) + 1) % len(self._nodes)
                if error.fault.unanswered or self._given_up or passed_on:
                    unanswered = error.fault.unanswered or passed_on
                    raise FaultError(replace(error.fault, unanswered=unanswered)) from None
                faults.append(error)
            else:
                self._first = self._nodes.index(node)
                return Answer(body, asked_at)
            finally:
                self._held.discard(connection)
                self._observe(request.operation, self._now() - asked_at)
        raise faults[0]


def _perform(
    request: Request,
    call: Callable[[Vault], Json],
    token: Secret | None,
    namespace: str | None,
    connection: Connection,
) -> Json:
    # hvac is slow to import.
    from freshkey.vault.transport.adapter import Vault  # noqa: PLC0415 - keys of the journal are served before

    return call(Vault(request, connection, token, namespace))
