"""Who uses a key without holding it: a client of the gateway, and OpenAI as the gateway finds it.

Connections end in socket pairs, which take no virtual time; the messages on the way to OpenAI do.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import trio
from freshkey.core.model.secret import Secret

from tests.simulation.agent import Lives
from tests.simulation.broken import BrokenError
from tests.simulation.histories import Kind, key_name
from tests.simulation.network import Network, set_openai
from tests.simulation.readers import Door, Readers
from tests.simulation.sockets import ask
from tests.simulation.watchers import Watchers
from tests.simulation.world import World

if TYPE_CHECKING:
    from freshkey.gateway.upstream import Upstream

_ASK_EVERY: Final = 60.0  # seconds; each costs as much time as three reads of the agent's socket
_ANSWER: Final = 60.0  # seconds: a key that is refused is waited for, and a machine may be slow
_KEY: Final = key_name(0)  # no edit removes it
_TROUBLE: Final = (
    *(Kind.OPENAI_REFUSED, Kind.OPENAI_UNAVAILABLE, Kind.OPENAI_LIMITED),
    *(Kind.OPENAI_FORBIDS, Kind.OPENAI_REFUSES_ALL, Kind.SUSPENDED),
)


@dataclass
class GatewayClient:
    """Asks now and then, and sees to it that OpenAI is asked with the right key."""

    world: World
    lives: Lives
    readers: Readers
    watchers: Watchers
    answered: int = 0
    ends: list[socket.socket] = field(default_factory=list)  # the agent's, of connections
    nursery: trio.Nursery | None = None  # in which OpenAI answers

    def connect(self, upstream: Upstream, attempt: object) -> socket.socket:
        """Stand in for `Upstream._connect`."""
        del upstream, attempt
        if self.world.window(Kind.OPENAI_REFUSED) or self.nursery is None:
            raise ConnectionRefusedError("connection refused")
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        self.ends.append(ours)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(theirs))
        self.nursery.start_soon(self._answer_all, stream)
        return ours

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_left()

    def close_left(self) -> None:
        """Close what an agent that was killed has left open."""
        for end in self.ends:
            end.close()
        self.ends.clear()

    async def run(self) -> None:
        """Ask for ever, unless nobody is to report a 401: the gateway does that."""
        if not self.world.history.reports:
            return
        async with trio.open_nursery() as self.nursery:
            while True:
                await trio.sleep(_ASK_EVERY)
                if self.lives.is_serving and not self.readers.is_finished:
                    await self._ask()

    async def _ask(self) -> None:
        world, lives = self.world, self.lives
        began, life = world.elapsed, lives.starts
        counts = Door(_KEY, "socket") in self.readers.doors
        path = world.directory / "openai.sock"
        status, body = 0, dict[str, object]()
        with trio.move_on_after(_ANSWER):
            try:
                status, body = await ask(path, "GET", "/v1/models")
            except OSError as error:
                body = {"error": repr(error)}
        self.answered += status == 200
        is_same = life == lives.starts and lives.is_serving and not world.is_dead
        if counts and is_same and status != 200 and self._is_owed(began):
            what = f"the gateway's client is answered {status} {body} at {world.elapsed:.3f}"
            raise BrokenError(1, f"{what}, though its key works since {began:.3f}")

    def _is_owed(self, began: float) -> bool:
        """Whether OpenAI answered, and the key worked, from then till now."""
        ended = self.world.elapsed
        troubled = any(
            one.kind in _TROUBLE and one.at <= ended and began <= one.at + one.seconds
            for one in self.world.history.incidents
        )
        door = Door(_KEY, "socket")
        lacked = any(
            gap.door == door and gap.began <= ended and began <= gap.ended
            for gap in self.readers.gaps
        )
        return not (troubled or lacked) and not self.readers.is_finished

    async def _answer_all(self, stream: trio.SocketStream) -> None:
        """Answer what comes on one connection."""
        network, received = Network(self.world), b""
        async with stream:
            while True:
                try:
                    while b"\r\n\r\n" not in received:
                        chunk = await stream.receive_some()
                        if not chunk:
                            return
                        received += chunk
                    head, _, received = received.partition(b"\r\n\r\n")
                    key = _key_of(head)
                    self._look_at(key)
                    await trio.sleep(network.latency())
                    if self.world.window(Kind.OPENAI_REFUSED):
                        return
                    await stream.send_all(self._answered(key))
                except trio.BrokenResourceError:
                    return

    def _look_at(self, key: str) -> None:
        """OpenAI is asked with what is published, and with nothing else."""
        shown = self.watchers.shown_just_now(_KEY)
        if Secret(key).fingerprint not in {tag.partition("-")[2] for tag in shown if tag}:
            raise BrokenError(3, f"the gateway asks with a key that is not published: {shown}")
        plan = self.lives.plans[_KEY]
        if plan.verify == "require" and key not in self.world.openai.tested:
            raise BrokenError(3, f"the gateway asks with a key that was not tested: {shown}")

    def _answered(self, key: str) -> bytes:
        world = self.world
        set_openai(world)
        was_tested = key in world.openai.tested
        answer = world.openai.models(key, world.now)
        if not was_tested:  # by a client is not by the agent
            world.openai.tested.discard(key)
        head = f"HTTP/1.1 {answer.status} X\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(answer.content)}\r\n\r\n".encode() + answer.content


def _key_of(head: bytes) -> str:
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "authorization":
            return value.strip().removeprefix("Bearer ")
    return ""
