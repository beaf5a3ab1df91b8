"""Which key goes into which variable, and what the agent says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.model.secret import Secret
from freshkey.core.model.text import is_word, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_VARIABLE: Final = "OPENAI_API_KEY"
THE_ONLY_KEY: Final = ""  # in place of a name: the one that the agent has


class ChoiceError(Exception):
    """There is no one key to take: one line that says what to write."""


def only_key(content: object) -> str | None:
    """Return the name of the only key in the agent's list; None for no list.

    Raises ChoiceError when there are several, or none that this user may read.
    """
    if not isinstance(content, list):
        return None
    listed = [key.get("name") for key in content if isinstance(key, dict)]
    names = [name for name in listed if isinstance(name, str) and is_word(name)]
    match names:
        case [name]:
            return name
        case []:
            raise ChoiceError("the agent has no key that you may read: look at its `allow` rules")
        case _:
            choice = " or ".join(f"--env {DEFAULT_VARIABLE}={one_line(name)}" for name in names)
            raise ChoiceError(f"the agent has {len(names)} keys: say which one with {choice}")


def key_in(content: object) -> Secret | None:
    """Return the key of an answer or an event."""
    key = content.get("key") if isinstance(content, dict) else None
    return Secret(key) if isinstance(key, str) and is_word(key) else None


def is_stale(content: object) -> bool:
    """Whether the key of an answer or an event is past its end, and still served."""
    return isinstance(content, dict) and content.get("stale") is True


def detail_in(content: object) -> str:
    """Return what an error of the agent says to a person, empty for nothing."""
    detail = content.get("detail") if isinstance(content, dict) else None
    return one_line(detail) if isinstance(detail, str) else ""


def is_of_gateway(content: object) -> bool:
    """Whether an error is one of the gateway's, which have OpenAI's form."""
    return isinstance(content, dict) and isinstance(content.get("error"), dict)


def with_keys(
    environment: Mapping[str, str], variables: Mapping[str, str], keys: Mapping[str, Secret]
) -> dict[str, str]:
    """Return an environment with the keys; `variables` says which name stands in which one.

    A variable whose key is missing is not in it, although it was set outside.
    """
    filled = {name: value for name, value in environment.items() if name not in variables}
    for variable, name in variables.items():
        if name in keys:
            filled[variable] = keys[name].reveal()
    return filled
