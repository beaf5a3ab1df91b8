"""The key as the agent has it now, and the way to tell the agent that one was refused."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from freshkey.client.errors import AgentAwayError, NoKeyError, SetupError
from freshkey.client.exchange import Answer, ask, get, not_the_agent, post
from freshkey.client.handed_out import HandedOut
from freshkey.client.steps import Wait
from freshkey.client.validation import checked_wait, fault_of

if TYPE_CHECKING:
    from freshkey.client.steps import Steps

DEFAULT_SOCKET: Final = "/run/freshkey/freshkey.sock"
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_IN_NAMES: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
_PATIENCE: Final = 1.0  # seconds for an answer, beyond what the agent is asked to wait
_PAUSE: Final = 0.1  # seconds between two questions
_NO_OBJECT: Final = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
_OK, _NOT_FOUND, _CONFLICT, _UNAVAILABLE = 200, 404, 409, 503


class _Held(NamedTuple):
    """A key that the agent gave; it is known to be good until an instant of the lease's clock."""

    key: str
    tag: str
    good_until: float

    def __repr__(self) -> str:
        return f"_Held({self.tag!r})"

    @property
    def good(self) -> bool:
        return _lease_time() < self.good_until


@final
class SocketSource:
    """Asks each time; while no agent answers, the key goes on that it gave last, to its end.

    `wait` is how many seconds it waits for a key when it has none.
    """

    def __init__(self, name: str, path: str | os.PathLike[str] | None, wait: float) -> None:
        if not name or not _IN_NAMES.issuperset(name):
            raise ValueError("the name of a key is small letters, digits, hyphens, underscores")
        self._name = name
        self._path = os.fspath(path or os.environ.get("FRESHKEY_SOCKET") or DEFAULT_SOCKET)
        self._target = f"/v1/keys/{name}"
        self._wait = checked_wait(wait)
        self._held: _Held | None = None
        self._handed_out = HandedOut()

    def __repr__(self) -> str:
        return f"{self._name!r}, socket={self._path!r}"

    def __reduce__(self) -> tuple[type[SocketSource], tuple[str, str, float]]:
        return SocketSource, (self._name, self._path, self._wait)  # a copy knows no key

    def read(self) -> Steps[str]:
        """Return the key. Raises NoKeyError when none comes in time, SetupError at once."""
        end = time.monotonic() + self._wait
        while True:
            held = self._held if self._held and self._held.good else None
            left = end - time.monotonic()
            try:
                answer = yield from self._get(0 if held else left)
                if answer.status == _OK:
                    return self._given(answer)
                trouble = self._refusal(answer)
            except AgentAwayError as error:
                trouble = error
            if held and isinstance(trouble, AgentAwayError):
                return self._note(held)
            if isinstance(trouble, SetupError) or left <= 0:
                raise trouble
            self._held = None  # what is held no longer is the key: from here on, wait
            yield Wait(min(_PAUSE, left))

    def handed_out(self, key: str) -> bool:
        """Say whether this key came from here lately."""
        return self._handed_out.tag(key) is not None

    def replacement(self, refused: str, wait: float) -> Steps[str | None]:
        """Report a key, and return the next one, None if none comes in `wait` seconds."""
        end = time.monotonic() + wait
        yield from self.report(refused)
        while (left := end - time.monotonic()) > 0:
            try:
                answer = yield from self._get(left, self._handed_out.tag(refused))
            except AgentAwayError:
                pass
            else:
                if answer.status == _OK and (key := self._given(answer)) != refused:
                    return key
            yield Wait(max(0.0, min(_PAUSE, end - time.monotonic())))
        return None

    def report(self, refused: str | None) -> Steps[bool]:
        """Tell that a key was refused, None: the one that was given out last, to whoever asks.

        Returns whether another one is published already. Raises ValueError for a key that is not
        from here. A report that does not arrive is not worth an error.
        """
        tag = self._handed_out.tag(refused) if refused else self._handed_out.last_tag()
        if tag is None:
            raise ValueError("this key was not given out here lately: report the one that was")
        request = post(f"{self._target}/rejected", json.dumps({"tag": tag}).encode())
        try:
            answer = yield from ask(self._path, request, _PATIENCE)
        except NoKeyError:
            return False
        return answer.status == _CONFLICT

    def _get(self, wait: float, tag: str | None = None) -> Steps[Answer]:
        """Ask for the key, or for another than `tag`; the agent may wait for whole seconds."""
        seconds = max(0, round(wait))
        target = f"{self._target}?wait={seconds}" if seconds else self._target
        return (yield from ask(self._path, get(target, tag), seconds + _PATIENCE))

    def _given(self, answer: Answer) -> str:
        try:
            held = _held(json.loads(answer.content))
        except (*_NO_OBJECT, OverflowError):
            raise not_the_agent(self._path) from None
        self._held = held
        return self._note(held)

    def _note(self, held: _Held) -> str:
        self._handed_out.note(held.key, held.tag)
        return held.key

    def _refusal(self, answer: Answer) -> NoKeyError:
        """Make the error of an answer without a key; one that stops is as good as away."""
        try:
            content = json.loads(answer.content)
            code, detail = content["code"], " ".join(content["detail"].split())
        except _NO_OBJECT:
            raise not_the_agent(self._path) from None
        line = f"{self._path}: {detail}"
        if answer.status == _NOT_FOUND:
            return SetupError(
                f"{self._path}: no key is called {self._name}: `freshkey status` lists them"
            )
        if answer.status != _UNAVAILABLE:
            return SetupError(f"{line}: {self._name}")
        if code != "no_key":
            return AgentAwayError(line)  # it stops, or has too many callers
        return NoKeyError(line)


def _held(content: dict[str, Any]) -> _Held:
    """Read the object of a key; raises one of several errors when it is none."""
    key, tag, expires_in = content["key"], content["tag"], content["expires_in"]
    if fault_of(key.encode()) or fault_of(tag.encode()):
        raise ValueError
    left = float("inf") if expires_in is None else float(expires_in)
    return _Held(key, tag, _lease_time() + left)


def _lease_time() -> float:
    """Return seconds on a clock that goes on while the machine is suspended, as a lease does."""
    return time.clock_gettime(_CLOCK)
