"""Waits for a key: how `get`, `watch`, and `rotate` ask for the next generation."""

from __future__ import annotations

import math
import re
import resource
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from freshkey.cli.agent_status import is_static, key_status, last_fault
from freshkey.cli.arguments import TAG
from freshkey.cli.ask import NoAgentError, ask, refusal
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown, span
from freshkey.core.model.text import one_line
from freshkey.logs.standard_error import tell

if TYPE_CHECKING:
    from pathlib import Path

    from freshkey.cli.ask import Answer

LONGEST: Final = 300.0  # seconds that the agent waits at most with an answer

_TELL_AFTER: Final = 2  # tries: an agent that restarts needs no word
_STATIC: Final = "this is a static key: put another one at its path in Vault"
_PAUSE: Final = 1.0  # seconds between two questions, where the agent does not wait


def forbid_core() -> None:
    """Keep a key that passes through out of a core dump, which a keystroke can cause.

    The limit is 1: too small for a file and, unlike 0, kept where cores go to a program, too
    (fs/coredump.c in Linux). PR_SET_DUMPABLE would also hide /proc/PID/exe from an agent that
    wants to know who its client is.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))


def tag_of(answer: Answer) -> str | None:
    """Return the tag in an answer, if there is one."""
    tag = answer.content.get("tag")
    return tag if isinstance(tag, str) and re.fullmatch(TAG, tag) else None


def _is_text(value: object) -> bool:
    """Whether it is a text that can be printed: JSON can have halves of surrogate pairs."""
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def ask_for_key(path: Path, name: str, tag: str | None, wait: float) -> Answer:
    """Ask for another generation than `tag`: 200 with a key, 304, or 503 where there is none.

    Raises CommandError for any other answer, NoAgentError when there is none.
    """
    seconds = math.ceil(min(wait, LONGEST))
    query = f"?wait={seconds}s" if seconds > 0 else ""
    answer = ask(path, f"/v1/keys/{name}{query}", tag=tag, wait=seconds)
    match answer.status:
        case HTTPStatus.OK:
            if tag_of(answer) is None or not _is_text(answer.content.get("key")):
                raise CommandError(f"{name}: the agent answered without a key: look at its log")
        case HTTPStatus.NOT_MODIFIED | HTTPStatus.SERVICE_UNAVAILABLE:
            pass
        case _:
            raise refusal(answer, name)
    return answer


def pause(asked: float, most: float = _PAUSE) -> None:
    """Let a second pass since the moment `asked`: an agent that stops, or is full, won't wait."""
    time.sleep(max(0.0, min(asked + _PAUSE - time.monotonic(), most)))


def next_key(
    path: Path, name: str, tag: str | None, seconds: float, read_within: float = math.inf
) -> Answer:
    """Wait until there is another generation than `tag`, over restarts of the agent.

    After `read_within` seconds a static key that has no fault is not waited for any longer: its
    path was read by then, and holds no other. Raises CommandError when there is none after
    `seconds`, with the reason that the agent gives.
    """
    asked = time.monotonic()
    read_by = asked + read_within
    end, left, tries = asked + seconds, seconds, 0
    while True:
        reason: CommandError | None = None
        try:
            answer = ask_for_key(path, name, tag, min(left, read_within))
        except NoAgentError as error:
            reason = error
            tries += 1
            if tries == _TELL_AFTER and left > _PAUSE:
                tell(f"freshkey: {one_line(str(error))} (trying again for {span(left)})")
        else:
            if answer.status == HTTPStatus.OK and tag_of(answer) != tag:
                return answer
            if detail := answer.content.get("detail"):
                reason = CommandError(shown(detail))
        if (left := end - time.monotonic()) <= 0:
            raise _too_late(path, name, tag, seconds, reason)
        if reason is None and time.monotonic() >= read_by and _waits_for_a_person(path, name):
            raise _too_late(path, name, tag, read_within, None)
        pause(asked, left)
        asked = time.monotonic()
        left = max(0.0, end - asked)


def _too_late(
    path: Path, name: str, tag: str | None, seconds: float, reason: CommandError | None
) -> CommandError:
    if isinstance(reason, NoAgentError):
        return reason
    wanted = "no key" if tag is None else f"no other key than {tag}"
    key = key_status(path, name)
    no_reason = _STATIC if is_static(key) else "the agent reports no fault, wait longer"
    why = last_fault(key) or reason or no_reason
    return CommandError(f"{name}: {wanted} within {span(seconds)}: {why}")


def _waits_for_a_person(path: Path, name: str) -> bool:
    key = key_status(path, name)
    return is_static(key) and not last_fault(key)
