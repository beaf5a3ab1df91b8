"""Who waits for keys: of each key one reader that asks the socket for another tag than it has.

The agent's socket takes no virtual time, so who waits has an answer in the instant of the publish.
All times here are trio's, which stand still while the machine sleeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import trio
from freshkey.core.model.secret import Secret

from tests.simulation.agent import Lives
from tests.simulation.broken import BrokenError
from tests.simulation.histories import NAMES
from tests.simulation.sockets import ask_on
from tests.simulation.world import World

if TYPE_CHECKING:
    from freshkey.core.model.view import KeyView

_WAITS: Final = dict(zip(NAMES, (90.0, 20.0, 300.0, 90.0), strict=True))  # seconds; 300 at most
SOON: Final = 0.01  # seconds
_ANSWER: Final = 5.0  # seconds: what is not answered so long after its wait never is
_MOST_AT_ONCE: Final = 20  # requests of one reader in an instant; a stop or reload causes a few


class Shown(NamedTuple):
    """The tag that the socket answers with, None for no key, since when, and the one before it."""

    tag: str | None
    since: float
    before: str | None = None


_NOTHING: Final = Shown(None, -inf)


class Asked(NamedTuple):
    """When a request was sent, and to which of the agent's lives."""

    at: float
    life: int


@dataclass
class Watchers:
    """One for each key that an agent has shown; it keeps its tag when the agent ends."""

    world: World
    lives: Lives
    shown: dict[str, Shown] = field(default_factory=lambda: dict.fromkeys(NAMES, _NOTHING))
    held: dict[str, str] = field(default_factory=dict)  # tags
    generations: dict[str, int] = field(default_factory=dict)  # of the keys that it was told last
    told: int = 0  # keys, in all
    _at_once: dict[str, tuple[float, int]] = field(default_factory=dict)
    _killed: int = 0  # the last life that was
    _news: dict[str, trio.Event] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._news = {name: trio.Event() for name in NAMES}
        self.world.on_kill.append(self._on_kill)

    def _on_kill(self) -> None:
        self._killed = self.lives.starts

    def begin_life(self) -> None:
        """Expect nothing until the next agent shows it."""
        for name, last in self.shown.items():
            self.shown[name] = Shown(None, trio.current_time(), last.tag)

    def show(self, view: KeyView) -> None:
        """Take note of what the socket answers from now on."""
        name, tag = view.name, view.publication.tag if view.publication else None
        last = self.shown[name]
        if last.tag != tag:
            self.shown[name] = Shown(tag, trio.current_time(), last.tag)
        self._news[name].set()
        self._news[name] = trio.Event()

    def forget(self, name: str) -> None:
        """A key that is configured no more, and comes back, may count its generations anew."""
        self.generations.pop(name, None)

    async def run(self) -> None:
        """Wait for keys for ever."""
        async with trio.open_nursery() as nursery:
            for name in NAMES:
                nursery.start_soon(self._watch, name)

    def finish(self) -> None:
        """Look whether everybody has what is shown, at the end of a history."""
        if self.lives.is_serving and not self.world.is_dead:
            for name in self.lives.plans:
                self._look_for_news(name, Asked(-inf, self.lives.starts))

    async def _watch(self, name: str) -> None:
        path = self.world.directory / "agent.sock"
        while True:
            if not self.lives.is_serving or self.world.is_dead or name not in self.lives.plans:
                await self._news[name].wait()
                continue
            asked = self._asked(name)
            try:
                async with await trio.open_unix_socket(str(path)) as stream:
                    while True:
                        asked = self._asked(name)
                        if not await self._ask(stream, name, asked):
                            break
            except OSError as error:
                self._on_lost(name, asked, error)

    def _asked(self, name: str) -> Asked:
        now = trio.current_time()
        last, count = self._at_once.get(name, (now, 0))
        self._at_once[name] = now, count + 1 if last == now else 1
        if self._at_once[name][1] > _MOST_AT_ONCE:
            raise BrokenError(1, f"who waits for {name} is never made to wait")
        return Asked(now, self.lives.starts)

    async def _ask(self, stream: trio.SocketStream, name: str, asked: Asked) -> bool:
        """Wait for another tag; False when the connection can't be used any more."""
        target = f"/v1/keys/{name}?wait={_WAITS[name]:g}s"
        with trio.move_on_after(_WAITS[name] + _ANSWER) as scope:
            status, body = await ask_on(stream, target, self.held.get(name))
        if scope.cancelled_caught:
            raise BrokenError(1, f"who waits for {name} gets no answer")
        self._look_for_news(name, asked)
        match status, body.get("code"):
            case 200, _:
                self._take(name, body)
            case (304, _) | (503, "no_key"):
                self._look_at_no_news(name, asked, status)
            case 503, "stopping":
                return False
            case 404, "unknown_key":  # a reload is going to add it, or has removed it
                await self._news[name].wait()
                return False
            case _:
                raise BrokenError(1, f"who waits for {name} is answered {status} {body}")
        return True

    def _look_for_news(self, name: str, asked: Asked) -> None:
        """What is shown for a while is known to who was waiting meanwhile."""
        shown, held, now = self.shown[name], self.held.get(name), trio.current_time()
        late = now - max(shown.since, asked.at)
        if shown.tag not in {None, held} and late > SOON and asked.life == self.lives.starts:
            what = f"who waits for {name} with the tag {held} does not hear of {shown.tag}"
            raise BrokenError(1, f"{what} for {late:.3f} s, at {self.world.elapsed:.3f}")

    def _look_at_no_news(self, name: str, asked: Asked, status: int) -> None:
        """Who hears that there is nothing new has waited for it, and has what is shown."""
        now, held = trio.current_time(), self.held.get(name)
        if now - asked.at < _WAITS[name] - SOON:
            what = f"who waits for {name} is answered {status} after {now - asked.at:.3f} s"
            raise BrokenError(1, what)
        if (held if status == 304 else None) not in self.shown_just_now(name):
            shown = self.shown[name].tag
            what = f"who waits for {name} with the tag {held} is answered {status}"
            raise BrokenError(3, f"{what} while {shown} is shown")

    def _take(self, name: str, body: dict[str, Any]) -> None:
        tag, key, held = body["tag"], body["key"], self.held.get(name)
        if tag not in self.shown_just_now(name):
            what = f"who waits for {name} is given {tag} while {self.shown[name].tag} is shown"
            raise BrokenError(3, what)
        if tag == held:
            raise BrokenError(1, f"who waits for {name} is given again what it has: {tag}")
        generation = int(tag.partition("-")[0])
        if generation <= self.generations.get(name, 0):
            raise BrokenError(3, f"who waits for {name} has {held}, and is given {tag}")
        plan = self.lives.plans.get(name)
        is_required = plan is not None and plan.verify == "require"
        if is_required and key not in self.world.openai.tested:
            raise BrokenError(3, f"who waits for {name} is given a key that was not tested: {tag}")
        if Secret(key).fingerprint != tag.partition("-")[2]:
            raise BrokenError(3, f"who waits for {name} is given another key than {tag}")
        self.held[name], self.generations[name] = tag, generation
        self.told += 1

    def shown_just_now(self, name: str) -> set[str | None]:
        """Return what is shown, and what was until so shortly that it may be on its way."""
        shown = self.shown[name]
        is_fresh = trio.current_time() - shown.since <= SOON
        return {shown.tag, shown.before} if is_fresh else {shown.tag}

    def _on_lost(self, name: str, asked: Asked, error: OSError) -> None:
        """A connection breaks at a kill, or if it is asked again when a stop has closed it."""
        self._look_for_news(name, asked)
        if asked.life > self._killed and trio.current_time() - asked.at > SOON:
            what = f"who waits for {name} is left without an answer: {error!r}"
            raise BrokenError(6, what)
