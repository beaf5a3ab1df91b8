"""The agent's connections to Vault, in virtual time, and the helper that runs calls in threads.

A call runs at once and in the loop's own thread. Where it would wait, `Waiting` carries it back to
`run_inline`, which lets the time pass, and begins the call anew: what it has asked already is
answered from memory.
"""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio
from freshkey.vault.transport.connection import Answered, Connection

from tests.simulation.configuration import NODES
from tests.simulation.http import HttpAnswer
from tests.simulation.network import CREDS, Network, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from freshkey.vault.transport.tls import Trust

    from tests.simulation.http import HttpRequest
    from tests.simulation.world import World

_REFUSED: Final = frozenset({400, 403, 404, 429, 503})

T = TypeVar("T")


class Waiting(BaseException):
    """A call has to wait for so many seconds, or until its connection is cut."""

    def __init__(self, connection: SimulatedConnection, seconds: float) -> None:
        super().__init__(seconds)
        self.connection = connection
        self.seconds = seconds


class SimulatedConnection(Connection):
    """Leads to the model, not to a socket."""

    def __init__(self, world: World, address: str, trust: Trust, seconds: float) -> None:
        super().__init__(address, trust, seconds)
        self._world = world
        self._network = Network(world, NODES.index(address))
        self._is_cut = trio.Event()
        self._answers: list[Answered] = []
        self._asked = 0
        self._under_way: Generator[float, None, Answered] | None = None
        self._left: HttpRequest | None = None  # sent, and not answered
        world.on_kill.append(self.cut)

    def cut(self) -> None:
        """End it now; Vault may go on with what it has got."""
        super().cut()
        self._is_cut.set()
        if self.cut in self._world.on_kill:
            self._world.on_kill.remove(self.cut)
        if self._left is not None:
            left, self._left = self._left, None
            self._network.hung_up(left)

    async def wait(self, seconds: float) -> None:
        """Let the time pass for which a call waits."""
        with trio.move_on_after(seconds):
            await self._is_cut.wait()
        self._asked = 0

    def request(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answered:
        """Ask the model; see `Connection.request`."""
        self._asked += 1
        if self._asked <= len(self._answers):
            return self._answers[self._asked - 1]
        if self._under_way is None:
            sent = parsed(
                method, target, headers.get("X-Vault-Token", ""), json.loads(body or b"null")
            )
            self._under_way = self._exchange_virtually(sent)
        try:
            seconds = next(self._under_way)
        except StopIteration as end:
            self._under_way = None
            answered: Answered = end.value
            self._answers.append(answered)
            return answered
        raise Waiting(self, seconds)

    def _exchange_virtually(self, sent: HttpRequest) -> Generator[float, None, Answered]:
        self._world.step(f"the request {sent.method} {sent.path}", rare=_is_rare(sent))
        self._world.requests.append((self._world.now, sent.path, sent.method))
        if self._network.is_refusing():
            raise self._unreachable("connection refused")
        sent_at = self._world.elapsed
        key = sent.path.removeprefix(CREDS).partition("-")[0] if sent.path.startswith(CREDS) else ""
        ordered_at = self._world.ordered.get(key, -inf)
        if key:
            self._world.mints.append(ordered_at)
        try:
            answer = yield from self._answered_by_vault(sent, sent_at)
        finally:
            self._world.minting -= sent.path.startswith(CREDS)
        if key and answer.status in _REFUSED:
            self._world.mints.remove(ordered_at)  # Vault asked OpenAI for nothing
        return _answered(answer)

    def _answered_by_vault(
        self, sent: HttpRequest, sent_at: float
    ) -> Generator[float, None, HttpAnswer]:
        self._left = sent
        self._world.minting += sent.path.startswith(CREDS)
        yield self._network.thaws_in() + self._network.latency()
        if self._is_cut.is_set():
            raise self._unanswered(None)
        if slowness := self._network.slowness():
            yield slowness
            if self._is_cut.is_set():
                raise self._unanswered(None)
        self._left = None
        loses = self._network.loses_answers()
        before, tokens = set(self._world.openai.accounts), set(self._world.vault.tokens)
        answer = self._network.ask_vault(sent, self._world.elapsed - sent_at)
        garbled = self._network.garbles_answers()
        minted = self._world.openai.accounts.keys() - before
        granted = self._world.vault.tokens.keys() - tokens
        yield self._network.latency()
        if self._is_cut.is_set() or loses or garbled:
            self._world.lost |= minted
            self._world.lost_tokens |= granted
        self._world.step(f"the answer to {sent.method} {sent.path}", rare=_is_rare(sent))
        if self._is_cut.is_set() or loses:
            raise self._unanswered(None if self._is_cut.is_set() else ConnectionResetError())
        return HttpAnswer(200, content_type="text/html") if garbled else answer


def _is_rare(request: HttpRequest) -> bool:
    return not request.path.endswith(("lookup", "health"))


def _answered(answer: HttpAnswer) -> Answered:
    return Answered(answer.status, answer.content_type, "", answer.retry_after, answer.content)


async def run_inline(
    call: Callable[..., T],
    *args: Any,  # noqa: ANN401 - as trio.to_thread.run_sync
    abandon_on_cancel: bool = False,
    limiter: trio.CapacityLimiter | None = None,
) -> T:
    """Do what `trio.to_thread.run_sync` does, in virtual time and without a thread."""
    await trio.lowlevel.checkpoint_if_cancelled()
    async with limiter or trio.CapacityLimiter(1):
        while True:
            try:
                return call(*args)
            except Waiting as waiting:
                with trio.CancelScope(shield=not abandon_on_cancel):
                    await waiting.connection.wait(waiting.seconds)
