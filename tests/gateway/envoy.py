"""Whether a value is a message of Envoy's API, in the JSON form of protobuf.

envoy_api.json has the messages and fields that docs/gateway.md and the template use, each with the
file of https://github.com/envoyproxy/envoy that defines it. As in Envoy, an unknown field
is a fault. https://protobuf.dev/programming-guides/json/
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_API: Final[dict[str, dict[str, Any]]] = json.loads(
    Path(__file__).with_name("envoy_api.json").read_text()
)
_TYPE_URL: Final = "type.googleapis.com/"
_SCALARS: Final[Mapping[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "uint32": lambda value: type(value) is int,
    "google.protobuf.Duration": lambda value: (
        isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?s", value) is not None
    ),
}


def faults(message: str, value: object, place: str = "") -> Iterator[str]:
    """List what Envoy would not take, with where it stands."""
    if not isinstance(value, dict):
        yield f"{place}: is no message"
        return
    known = _API.get(message)
    if known is None:
        yield f"{place}: {message} is unknown"
        return
    for name, content in value.items():
        if name == "@type":
            continue
        if name not in known["fields"]:
            yield f"{place}.{name}: {message} has no such field"
        else:
            yield from _of_field(known["fields"][name], content, f"{place}.{name}")
    for name in known.get("required", ()):
        if not value.get(name):
            yield f"{place}.{name}: is missing"
    if (choices := known.get("one_of")) and len(value.keys() & set(choices)) != 1:
        yield f"{place}: has not one of {', '.join(choices)}"


def _of_field(kind: str, content: object, place: str) -> Iterator[str]:
    first, _, rest = kind.partition(" ")
    if first == "repeated":
        if not isinstance(content, list):
            yield f"{place}: is no list"
            return
        for number, one in enumerate(content):
            yield from _of_field(rest, one, f"{place}[{number}]")
    elif first == "enum" and content not in rest.split():
        yield f"{place}: is none of {rest}"
    elif kind in _SCALARS and not _SCALARS[kind](content):
        yield f"{place}: is no {kind}"
    elif kind == "google.protobuf.Any":
        url = content.get("@type", "") if isinstance(content, dict) else ""
        if not url.startswith(_TYPE_URL):
            yield f"{place}: has no @type"
        else:
            yield from faults(url.removeprefix(_TYPE_URL), content, place)
    elif first != "enum" and kind not in _SCALARS:
        yield from faults(kind, content, place)
