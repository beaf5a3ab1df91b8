"""Applications that ask for their keys over and over, and report what OpenAI refuses."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import trio

from tests.simulation.broken import BrokenError
from tests.simulation.configuration import credential_socket
from tests.simulation.histories import NAMES, Kind
from tests.simulation.sockets import ask, read_credential
from tests.simulation.watchers import SOON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.simulation.agent import Lives
    from tests.simulation.readers import Readers
    from tests.simulation.watchers import Watchers
    from tests.simulation.world import World

POLL_EVERY: Final = 45.0  # seconds
_ANSWER: Final = 5.0  # seconds in which the socket answers
_FIRST_KEY: Final = 30.0  # seconds for which a credential socket waits for one

T = TypeVar("T")


class Polls:
    """One reader for each key; what they get has to be what is out at that instant."""

    def __init__(self, world: World, lives: Lives, readers: Readers, watchers: Watchers) -> None:
        self.world = world
        self.lives = lives
        self.readers = readers
        self.watchers = watchers
        self.answers = 0

    async def run(self) -> None:
        """Read each key over and over, for ever, and report what OpenAI refuses."""
        async with trio.open_nursery() as nursery:
            for name in NAMES:
                nursery.start_soon(self._read_credentials, name)
            while True:
                await trio.sleep(POLL_EVERY)
                for name in tuple(self.lives.plans):
                    if self._is_up():
                        await self._read(name)

    async def _read_credentials(self, name: str) -> None:
        """Read one from its credential socket, for the first time before there is a key."""
        await trio.sleep(SOON)
        while True:
            plan = self.lives.plans.get(name)
            if plan and plan.credential and self._is_up():
                await self._read_credential(name)
            await trio.sleep(POLL_EVERY)

    def _is_up(self) -> bool:
        is_there = self.lives.is_serving and not self.world.is_dead
        return is_there and not self.readers.is_finished

    def _shown_tag(self, name: str) -> str | None:
        view = self.readers.shown.get(name)
        return view.publication.tag if view and view.publication else None

    async def _answer(self, name: str, seconds: float, ask: Callable[[], Awaitable[T]]) -> T | None:
        """Return what the agent answers within this time; None where nobody has to answer."""
        asked_in = self._life()
        try:
            with trio.fail_after(seconds):
                answer = await ask()
        except (OSError, trio.TooSlowError) as error:
            if self._is_up() and asked_in == self._life() and name in self.lives.plans:
                raise BrokenError(1, f"a socket does not answer for {name}: {error!r}") from None
            return None
        self.answers += 1
        is_same = self._is_up() and asked_in == self._life()
        return answer if is_same and name in self.lives.plans else None

    def _life(self) -> tuple[int, float]:
        """Return what is the same as long as an agent runs, and its machine does not sleep."""
        return self.lives.starts, self.world.clocks.suspended

    async def _read_credential(self, name: str) -> None:
        """Read it; without a key, the agent waits for one for half a minute."""
        path = credential_socket(self.world.directory, name)
        before, asked_at = self.readers.socket_key(name), trio.current_time()
        reloads = sum(one.kind is Kind.RELOADED for one in self.world.history.incidents)
        reads = 1 + 2 * reloads  # what has a fault is mended
        seconds = _ANSWER if before else _FIRST_KEY * reads + _ANSWER
        given = await self._answer(name, seconds, partial(read_credential, path))
        if given is None:
            return
        if given not in {before, self.readers.socket_key(name) or ""}:
            raise BrokenError(1, f"the credential socket of {name} writes another key than is out")
        if before:
            return
        waited = trio.current_time() - asked_at
        until = max(self.watchers.shown[name].since - asked_at, 0.0) if given else _FIRST_KEY
        if abs(waited - until) > SOON and (given or waited < until):
            raise BrokenError(1, f"the credential socket of {name} answers at {waited:g} s")

    async def _read(self, name: str) -> None:
        path = self.world.directory / "agent.sock"
        before = self._shown_tag(name)
        answer = await self._answer(name, _ANSWER, partial(ask, path, "GET", f"/v1/keys/{name}"))
        if answer is None:
            return
        status, body = answer
        tag, shown = body.get("tag"), self._shown_tag(name)
        if tag not in {before, shown}:  # of one instant, the one from before may be the answer
            what = f"the socket answers {status} with {tag} for {name}, and shows {shown}"
            raise BrokenError(1, what)
        if tag is None or tag != shown:
            return
        works = self.world.openai.works(body["key"], self.world.now)
        if not works and self.world.history.reports:
            self.world.tell(f"a reader of {name} meets a 401, and reports it")
            with suppress(OSError), trio.move_on_after(_ANSWER):
                await ask(path, "POST", f"/v1/keys/{name}/rejected", {"tag": body["tag"]})
