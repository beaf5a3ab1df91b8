"""What a client prefers (Accept) and what it has already (If-None-Match), by RFC 9110."""

from __future__ import annotations


def wants_text(accept: str) -> bool:
    """Say whether `text/plain` is named and preferred to `application/json` (12.5.1).

    JSON wins where both are named alike, as by clients that list all that they can read; a
    wildcard is no preference.
    """
    accept = accept.lower()
    if "text/plain" not in accept:
        return False
    weights = {"text/plain": 0.0, "application/json": 0.0}
    for media_range in accept.split(","):
        name, *parameters = (part.strip() for part in media_range.split(";"))
        if name in weights:
            weights[name] = _weight(parameters)
    return weights["text/plain"] > weights["application/json"]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def has_tag(if_none_match: str, tag: str) -> bool:
    """Say whether the client holds this tag (13.1.2).

    A tag without its quotes counts too: taken for another one, it would make a client that waits
    for the next key spin.
    """
    if not if_none_match:
        return False
    held = (item.strip().removeprefix("W/").strip('"') for item in if_none_match.split(","))
    return any(item in {"*", tag} for item in held)
