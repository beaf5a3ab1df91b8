"""Single values of the configuration: each function takes what TOML gave and returns it parsed.

All raise `WrongValueError`, whose text completes the sentence that the value's path begins.
"""

import json
import re
import signal
from datetime import timedelta
from typing import Final, NoReturn

from freshkey.core.model.text import cleaned, control, unprintable

KEY_NAME: Final = r"[a-z0-9][a-z0-9_-]{0,62}"
DEFAULT_SOCKET: Final = "/run/freshkey/freshkey.sock"

_KINDS: Final = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "a table",
}
_DURATION: Final = r"(?:(N)d)?(?:(N)h)?(?:(N)m)?(?:(N)s)?".replace("N", "[0-9]{1,20}")
_LONGEST: Final = timedelta(days=3650).total_seconds()
_MODE: Final = r"0?[0-7]{3}"
_VARIABLE: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_SERVICE: Final = r"[A-Za-z0-9:_\\][A-Za-z0-9:_.\\@-]{0,246}\.service"
_MOST_DIGITS: Final = 20  # Python reads and writes no integer of thousands of them
_NO_ID: Final = 2**32 - 1  # -1 as a uid_t: "leave unchanged" in chown(2)
_RENEW_AT: Final = (0.5, 0.95)


class WrongValueError(ValueError):
    """A value that can't be taken; the text says what is wrong and what to do."""


def kind(value: object) -> str:
    """Name the TOML type of a value."""
    return _KINDS.get(type(value), "a date or time")


def quoted(text: str) -> str:
    """Show a text from outside on one line, in ASCII."""
    return json.dumps(text)


def shown(value: object) -> str:
    """Show a value from the file: a string itself, else its type."""
    return quoted(value) if isinstance(value, str) else kind(value)


def text(value: object) -> str:
    """Take a string of any content."""
    if not isinstance(value, str):
        is_number = type(value) in {int, float} and not _is_huge(value)
        hint = f': write it as "{value}"' if is_number else ""
        raise WrongValueError(f"is {kind(value)}, and must be a string{hint}")
    return value


def _is_huge(value: object) -> bool:
    """Whether it is an integer that can't be shown; TOML has them as hexadecimal ones."""
    return type(value) is int and value >= 10**_MOST_DIGITS


def string(value: object) -> str:
    """Take a string without control characters: a name or path that spans lines is a mistake."""
    checked = text(value)
    if found := control(checked):
        raise WrongValueError(f"has {found}: remove it")
    return checked


def visible(value: object) -> str:
    """Take a string that can be read on a screen: letters of any script, and spaces inside."""
    checked = text(value)
    if hidden := unprintable(checked):
        raise WrongValueError(f"has {hidden}: remove it")
    if checked != checked.strip():
        raise WrongValueError(f"is {quoted(checked)}: remove the space around it")
    return checked


def word(value: object) -> str:
    """Take a string of visible ASCII without spaces: it goes into URLs and HTTP headers."""
    checked = string(value)
    found = cleaned(checked)
    if not found.value:
        raise WrongValueError("is empty, and must be a word of ASCII characters")
    if problem := found.misfit or found.taken_off:
        where = "" if found.misfit else " it"
        raise WrongValueError(
            f"has {problem}{where}, and must be a word of ASCII characters, without spaces"
        )
    return checked


def region(value: object) -> str:
    """Take a region of AWS, which becomes part of a host's name."""
    checked = string(value)
    if not re.fullmatch(r"[a-z]+(?:-[a-z]+)+-[0-9]+", checked):
        raise WrongValueError('must be a region of AWS, such as "eu-central-1"')
    return checked


def account(value: object) -> str:
    """Take the name or numeric id of a user or group."""
    checked = string(value)
    if checked.isdecimal() and (len(checked) > _MOST_DIGITS or int(checked) >= _NO_ID):
        raise WrongValueError(f"is {checked}, and an id must be below {_NO_ID}")
    return checked


def boolean(value: object) -> bool:
    """Take true or false."""
    if not isinstance(value, bool):
        raise WrongValueError(f"is {kind(value)}, and must be true or false, without quotes")
    return value


def token(_: object) -> NoReturn:
    """Refuse a secret in the file."""
    raise WrongValueError("is not allowed here: name a file in token_file, or set VAULT_TOKEN")


def count(value: object) -> int:
    """Take an integer from 0 on."""
    if type(value) is not int:
        raise WrongValueError(f"is {kind(value)}, and must be an integer, without quotes")
    if value < 0:
        raise WrongValueError(f"is {value}, and must be 0 or more")
    return value


def positive_count(value: object) -> int:
    """Take an integer from 1 on."""
    if count(value) == 0:
        raise WrongValueError("is 0, and must be 1 or more")
    return count(value)


def duration(value: object) -> float:
    """Take integer seconds, or days to seconds such as "2d" or "1h30m"; return seconds."""
    if type(value) is int:
        seconds = value
    elif isinstance(value, str):
        match = re.fullmatch(_DURATION, value)
        if match is None or not value:
            raise WrongValueError(
                f'is {quoted(value)}, which is not a duration: write "90s", "15m", "1h30m" or "2d"'
            )
        days, hours, minutes, rest = (int(group or 0) for group in match.groups())
        seconds = (days * 24 + hours) * 3600 + minutes * 60 + rest
    else:
        raise WrongValueError(
            f'is {kind(value)}, and must be integer seconds, or a string such as "90s" or "1h30m"'
        )
    if seconds < 0:
        raise WrongValueError(f"is {seconds}, and a duration can't be negative")
    if seconds > _LONGEST:
        raise WrongValueError("is longer than ten years: give a shorter duration")
    return float(seconds)


def as_duration(seconds: float) -> str:
    """Write whole seconds as `duration` takes them, such as "1h30m"."""
    hours, rest = divmod(int(seconds), 3600)
    parts = zip((hours, *divmod(rest, 60)), "hms", strict=True)
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def positive_duration(value: object) -> float:
    """Take a duration of at least a second; return seconds."""
    seconds = duration(value)
    if seconds == 0:
        raise WrongValueError('is 0, and must be at least "1s"')
    return seconds


def _number(value: object) -> float:
    if type(value) not in {int, float}:
        raise WrongValueError(f"is {kind(value)}, and must be a number, without quotes")
    if _is_huge(value):
        raise WrongValueError("is far too large: write a share, such as 0.5")
    return value  # type: ignore[return-value]  # seen above; a bool is no number here


def renew_at(value: object) -> float:
    """Take the share of a lifetime after which a lease is renewed or replaced."""
    low, high = _RENEW_AT
    if not low <= (share := _number(value)) <= high:
        raise WrongValueError(f"is {share}, and must be from {low} to {high}")
    return float(share)


def jitter(value: object) -> float:
    """Take the share of a lifetime by which the point of renewal is drawn earlier."""
    if not 0 <= (share := _number(value)) < 1:
        raise WrongValueError(f"is {share}, and must be 0 or more, and less than renew_at")
    return float(share)


def mode(value: object) -> int:
    """Take permissions as an octal string: a TOML integer would be read as decimal."""
    if not isinstance(value, str) or not re.fullmatch(_MODE, value):
        raise WrongValueError(f'is {shown(value)}, and must be an octal string, such as "0440"')
    return int(value, 8)


def variable_name(value: object) -> str:
    """Take the name of an environment variable."""
    checked = string(value)
    if not re.fullmatch(_VARIABLE, checked):
        raise WrongValueError(
            f"is {quoted(checked)}, which is not a name for an environment variable"
        )
    return checked


def signal_name(value: object) -> str:
    """Take the name of a signal, with or without SIG; return it without."""
    checked = string(value)
    name = checked.upper().removeprefix("SIG")
    if f"SIG{name}" not in signal.Signals.__members__:
        raise WrongValueError(f'is {quoted(checked)}, which is no signal here: write "HUP", "USR1"')
    return name


def service(value: object) -> str:
    """Take the name of a systemd service: only services have a main process (systemd.unit(5))."""
    checked = string(value)
    if not re.fullmatch(_SERVICE, checked):
        raise WrongValueError(
            f'is {quoted(checked)}, which is no service of systemd: write "billing.service"'
        )
    return checked
