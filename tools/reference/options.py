"""The options of the configuration, with their types and defaults, read from its classes."""

from __future__ import annotations

import ast
import inspect
import textwrap
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, get_args, get_origin

from freshkey.core.model.struct import Struct
from freshkey.settings import gateway, keys, model, option_types, values
from freshkey.settings.auth import AUTH_METHODS, DEFAULT_AUTH_METHOD
from freshkey.settings.environment import VARIABLES
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields

if TYPE_CHECKING:
    from collections.abc import Iterator

BEFORE_AUTH: Final[tuple[type[Struct], ...]] = (model.VaultSettings,)
AFTER_AUTH: Final[tuple[type[Struct], ...]] = (
    keys.KeySettings,
    keys.FederationSettings,
    keys.VerifySettings,
    keys.FileSettings,
    keys.HookSettings,
    keys.AllowSettings,
    keys.CredentialSettings,
    model.StateSettings,
    model.ServerSettings,
    gateway.GatewaySettings,
    gateway.GatewayClientSettings,
    model.LogSettings,
)
_DURATIONS: Final = (values.duration, values.positive_duration)
_KINDS: Final[dict[object, str]] = {
    option_types.Seconds: "duration",
    option_types.PositiveSeconds: "duration",
    option_types.Mode: "octal string",
    option_types.Count: "integer",
    option_types.PositiveCount: "integer",
    option_types.Account: "name or id",
    option_types.Word: "string",
    option_types.HostName: "string",
    option_types.Name: "string",
    option_types.Text: "string",
    option_types.VariableName: "string",
    option_types.SignalName: "string",
    option_types.Service: "string",
    option_types.Region: "string",
    option_types.RenewAt: "number",
    option_types.Jitter: "number",
    option_types.SecretPath: "path in Vault",
    option_types.MountPath: "path in Vault",
    option_types.VaultUrl: "URL",
    option_types.ApiUrl: "URL",
    option_types.ApiPath: "path",
    option_types.ExchangeUrl: "URL",
    option_types.HostPort: "address",
    option_types.LoopbackPort: "address",
    Path: "path",
    bool: "boolean",
    str: "string",
}


class Option(NamedTuple):
    """One option: its type in a word, its default as TOML has it (empty: unset), and its text."""

    name: str
    kind: str
    default: str
    required: bool
    variable: str
    text: str


class Table(NamedTuple):
    """One table of the file: its header, what it is about, and its options."""

    header: str
    text: str
    options: tuple[Option, ...]


METHOD: Final = Option(
    "method",
    " | ".join(AUTH_METHODS),
    f'"{DEFAULT_AUTH_METHOD}"',
    required=False,
    variable="",
    text="Which login method; the options beside it are those of the method.",
)


def tables() -> Iterator[Table]:
    """List every table. SystemExit for an option that has no text, or a type without a word."""
    yield from map(_table, BEFORE_AUTH)
    yield Table("[auth]", "How the agent logs in to Vault.", (METHOD,))
    for method, table in AUTH_METHODS.items():
        yield _table(table)._replace(header=f'[auth] with method = "{method}"')
    yield from map(_table, AFTER_AUTH)


def _table(table: type[Struct]) -> Table:
    header, _, text = inspect.cleandoc(table.__doc__ or "").partition(":")
    options = tuple(_option(table, option) for option in fields(table) if _is_shown(option))
    return Table(header, _sentence(text), options)


def _is_shown(option: FieldInfo) -> bool:
    """Leave out tables, `method`, and the token that comes from a variable alone."""
    if get_origin(option.type) is Literal or option.name == "token":
        return False
    inner = _inner(option.type)
    if get_origin(inner) is tuple:
        inner = get_args(inner)[0]
    return not (isinstance(inner, type) and issubclass(inner, Struct))


def _option(table: type[Struct], option: FieldInfo) -> Option:
    text = _texts(table).get(option.name) or _texts_of_methods().get(option.name)
    if text is None:
        raise SystemExit(f"{table.__name__}.{option.name} has no text below it")
    return Option(
        option.name,
        _kind(option.type),
        _default(option),
        option.required,
        VARIABLES.get(option.name, "") if table is model.VaultSettings else "",
        text,
    )


@cache
def _texts(table: type[Struct]) -> dict[str, str]:
    """Return the strings that stand below the options in the class, and in those it is made of."""
    found: dict[str, str] = {}
    for each in reversed(table.__mro__[: table.__mro__.index(Struct)]):
        (parsed,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(parsed, ast.ClassDef)  # noqa: S101 - for mypy
        for above, node in zip(parsed.body, parsed.body[1:], strict=False):
            match above, node:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    found[name] = " ".join(text.split())
                case _:
                    pass
    return found


@cache
def _texts_of_methods() -> dict[str, str]:
    """Return what one login method says for all, such as of `mount`."""
    return {name: text for table in AUTH_METHODS.values() for name, text in _texts(table).items()}


def _inner(type_: Any) -> Any:  # noqa: ANN401 - what typing makes of types
    """Take off what makes a type optional."""
    arguments = [one for one in get_args(type_) if one is not type(None)]
    is_optional = get_origin(type_) not in {None, Annotated, tuple, dict} and len(arguments) == 1
    return arguments[0] if is_optional else type_


def _kind(type_: Any) -> str:  # noqa: ANN401 - as _inner
    inner = _inner(type_)
    if get_origin(inner) is tuple:
        return f"array of {_kind(get_args(inner)[0])}s"
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        return " | ".join(member.value for member in inner)
    if inner not in _KINDS:
        raise SystemExit(f"tools/reference/options.py: no word for the type {inner}")
    return _KINDS[inner]


def _default(option: FieldInfo) -> str:
    value, inner = option.default, _inner(option.type)
    if value is NODEFAULT or value is None or value in ("", ()):
        return ""
    if get_origin(inner) is Annotated and get_args(inner)[1] in _DURATIONS:
        return f'"{values.as_duration(float(value))}"'
    if inner == option_types.Mode:
        return f'"{value:04o}"'
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def _sentence(text: str) -> str:
    """Make what follows a header a paragraph of its own."""
    plain = " ".join(text.split())
    return plain[:1].upper() + plain[1:]
