"""The filters of templates: how a value stands in a file of each format.

Every one raises FilterError, whose text never holds the value, when the format can't hold it.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST: Final = 64 * 1024  # characters: what is escaped again and again doubles each time

T = TypeVar("T")

_QUOTE_OR_BACKSLASH: Final = re.compile(r'["\\]')


class FilterError(Exception):
    """A value that can't stand where it should; the text says why, and what to do."""


def as_json(value: object) -> str:
    r"""A JSON text (RFC 8259): for JSON, for YAML, and so for Envoy.

    YAML's double-quoted scalars (YAML 1.2.2, 7.3.1) know every escape of JSON, but write what is
    beyond U+FFFF by itself or by `\U`, not as two surrogates.
    """
    if not isinstance(value, str):
        return json.dumps(value)
    return '"' + "".join(map(_in_json, value)) + '"'


def as_shell(value: object) -> str:
    """One word for a POSIX shell, in single quotes: nothing is special within (XCU 2.2.2)."""
    text = _one_line(value, "a shell variable")
    return "'" + text.replace("'", "'\\''") + "'"


def as_dotenv(value: object) -> str:
    r"""A value in single quotes, as python-dotenv reads it (dotenv/parser.py).

    Only `\\` and `\'` are escapes there, so a backslash before anything else stays as it is: other
    readers (dotenv for Node, docker compose) then read the same. What follows `${` is replaced
    even within the quotes, and a backslash before the closing quote keeps it from closing.
    """
    text = _one_line(value, "a dotenv file")
    if "${" in text:
        raise FilterError(
            "the value has ${, which readers of dotenv files replace: use another format"
        )
    if text.endswith("\\"):
        raise FilterError(
            "the value ends with a backslash, and in a dotenv file none can: use another format"
        )
    return "'" + re.sub(r"\\(?=[\\'])|'", r"\\\g<0>", text) + "'"


def as_properties(value: object) -> str:
    r"""A value of Java's properties (java.util.Properties, load and store).

    Escaped are what ends a key or begins a comment, a space at the start, and, as UTF-16 in
    `\uXXXX`, what is not printable ASCII, because readers before Java 9 take Latin-1.
    """
    text = as_text(value)
    escaped = "".join(map(_in_properties, text))
    return "\\" + escaped if text.startswith(" ") else escaped


def as_ini(value: object) -> str:
    """A value for Python's configparser, whose interpolation takes `%%` for a `%`."""
    text = _one_line(value, "an INI file")
    if text != text.strip():
        raise FilterError("the value has a space at an end, which INI files drop: remove it")
    return text.replace("%", "%%")


def as_nginx(value: object) -> str:
    r"""A parameter in double quotes, where nginx takes `\"` and `\\` (ngx_conf_read_token).

    Directives with variables replace `$name`, and nginx has no escape for the dollar.
    """
    text = _one_line(value, "nginx's configuration")
    if "$" in text:
        raise FilterError(
            "the value has a $, which nginx takes for a variable and can't escape: rotate the key"
        )
    return '"' + _QUOTE_OR_BACKSLASH.sub(r"\\\g<0>", text) + '"'


def _bounded(function: Callable[[object], str]) -> Callable[[object], str]:
    def bounded(value: object) -> str:
        text = function(_short(value))
        return _short(text)

    return bounded


FILTERS: Final[Mapping[str, Callable[[object], str]]] = {
    "json": _bounded(as_json),
    "dotenv": _bounded(as_dotenv),
    "shell": _bounded(as_shell),
    "properties": _bounded(as_properties),
    "ini": _bounded(as_ini),
    "nginx": _bounded(as_nginx),
}


def as_text(value: object) -> str:
    """A value as `{{ }}` shows it: a string or a whole number."""
    match value:
        case bool():
            raise FilterError("true or false is no text: use {% if %}")
        case str() | int():
            return str(value)
        case _:
            raise FilterError(
                'there is no value: write (… or "") around it, or use the json filter'
            )


def _short(text: T) -> T:
    if isinstance(text, str) and len(text) > LONGEST:
        raise FilterError(f"the value is longer than {LONGEST} characters: use fewer filters")
    return text


def _one_line(value: object, where: str) -> str:
    text = as_text(value)
    if not text.isprintable():
        raise FilterError(
            f"the value has a character that can't stand in {where}: use another format"
        )
    return text


def _in_json(char: str) -> str:
    if char > "\uffff":
        return char
    return "\\u007f" if char == "\x7f" else json.dumps(char)[1:-1]


def _in_properties(char: str) -> str:
    if char in "\\=:#!":
        return f"\\{char}"
    if " " <= char <= "~":
        return char
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
