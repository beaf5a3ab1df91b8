"""Single arguments: each function takes the text and returns it parsed, for argparse."""

from __future__ import annotations

import re
import signal
from argparse import ArgumentTypeError
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.settings.values import KEY_NAME, WrongValueError, duration, positive_duration, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_CONFIG: Final = "/etc/freshkey/config.toml"

TAG: Final = r"[A-Za-z0-9._-]{1,128}"  # opaque, and it goes into a header


def seconds(text: str) -> float:
    """Take a duration of at least a second."""
    return _duration(positive_duration, text)


def seconds_or_zero(text: str) -> float:
    """Take a duration, which may be 0."""
    return _duration(duration, text)


def _duration(parse: Callable[[object], float], text: str) -> float:
    try:
        return parse(int(text) if text.isdecimal() else text)
    except WrongValueError as error:
        raise ArgumentTypeError(str(error)) from None


def socket_path(text: str) -> Path:
    """Take the path of a socket; an empty one would stand for the working directory."""
    if not text:
        raise ArgumentTypeError("is empty: name the agent's socket, or leave the option out")
    return Path(text)


def moment(text: str) -> float:
    """Take a time such as 2026-11-29T12:00:00Z; return seconds since 1970."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ArgumentTypeError(f"is {quoted(text)}, and must look like 2026-11-29T12:00:00Z")
    return found.timestamp()


def key_name(text: str) -> str:
    """Take the name of a key, as [keys.NAME] has it."""
    if not re.fullmatch(KEY_NAME, text):
        raise ArgumentTypeError(
            f"is {quoted(text)}, and a key's name has a-z, 0-9, _ and -, 63 at most"
        )
    return text


def tag(text: str) -> str:
    """Take a tag as `watch` prints it."""
    if not re.fullmatch(TAG, text):
        raise ArgumentTypeError(f'is {quoted(text)}, and a tag looks like "7-3fa9c2d1"')
    return text


def variable(text: str) -> tuple[str, str]:
    """Take `VAR=NAME`: an environment variable and a key."""
    name, equals, key = text.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ArgumentTypeError(f"is {quoted(text)}, and must look like OPENAI_API_KEY=NAME")
    return name, key_name(key)


def signal_number(text: str) -> int:
    """Take a signal by its name, with or without SIG, or by its number."""
    try:
        if text.isdecimal():
            return signal.Signals(int(text))
        return signal.Signals[f"SIG{text.upper().removeprefix('SIG')}"]
    except (ValueError, KeyError):
        raise ArgumentTypeError(f"is {quoted(text)}, and a signal looks like HUP") from None
