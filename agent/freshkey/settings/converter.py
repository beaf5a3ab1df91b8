"""How cattrs reads TOML: strictly, for it would turn an int into a str, and a str into letters."""

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from attrs import AttrsInstance, fields, has
from cattrs import AttributeValidationNote, ClassValidationError, Converter
from cattrs.cols import homogenous_tuple_structure_factory, mapping_structure_factory
from cattrs.gen import make_dict_structure_fn

from freshkey.settings import values
from freshkey.settings.auth import AUTH_METHODS, DEFAULT_AUTH_METHOD, AuthSettings
from freshkey.settings.file_names import path_of
from freshkey.settings.model import Settings
from freshkey.settings.values import WrongValueError, kind, shown

_Hook = Callable[[Any, Any], Any]


def converter(directory: Path) -> Converter:
    """Make the converter for a file whose relative paths start at `directory`."""
    made = Converter(forbid_extra_keys=True)
    made.register_structure_hook(bool, lambda value, _: values.boolean(value))
    made.register_structure_hook(str, lambda value, _: values.string(value))
    made.register_structure_hook(StrEnum, _member)
    made.register_structure_hook(Path, lambda value, _: directory / path_of(values.string(value)))
    made.register_structure_hook_factory(_has_origin(Annotated), _parsed)
    made.register_structure_hook_factory(_has_origin(tuple), _array)
    made.register_structure_hook_factory(_has_origin(dict), _tables)
    made.register_structure_hook_factory(has, _table)
    made.register_structure_hook_factory(_is_auth, _auth)
    return made


def _has_origin(origin: object) -> Callable[[Any], bool]:
    return lambda type_: get_origin(type_) == origin


def _is_auth(type_: object) -> bool:
    return type_ == AuthSettings


def _parsed(type_: type[object], _: Converter) -> _Hook:
    parse = get_args(type_)[1]
    return lambda value, _: parse(value)


def _member(value: object, type_: type[StrEnum]) -> StrEnum:
    known = [member.value for member in type_]
    if not isinstance(value, str) or value not in known:
        raise WrongValueError(f"is {shown(value)}, and must be one of {', '.join(known)}")
    return type_(value)


def _array(type_: type[object], made: Converter) -> _Hook:
    build = homogenous_tuple_structure_factory(type_, made)
    brackets = ": write [[ ]] around the table's name" if has(get_args(type_)[0]) else ""

    def hook(value: object, _: object) -> object:
        if not isinstance(value, list):
            raise WrongValueError(f"is {kind(value)}, and must be an array{brackets}")
        return build(value, type_)

    return hook


def _tables(type_: type[object], made: Converter) -> _Hook:
    build = mapping_structure_factory(type_, made)
    return lambda value, _: build(_checked(value), type_)


def _table(type_: type[AttrsInstance], made: Converter) -> _Hook:
    names = {option.name for option in fields(type_)}

    @cache
    def build() -> _Hook:  # costs a compilation, so only for tables that are used
        return make_dict_structure_fn(type_, made)

    def hook(value: object, _: object) -> object:
        given = _checked(value)
        return build()({k: v for k, v in given.items() if v != "" or k not in names}, type_)

    return hook


def _auth(_: type, made: Converter) -> _Hook:
    def hook(value: object, _: object) -> object:
        method = _checked(value).get("method", "")
        if method == "":
            method = DEFAULT_AUTH_METHOD
        if isinstance(method, str) and method in AUTH_METHODS:
            return made.structure(value, AUTH_METHODS[method])
        known = ", ".join(AUTH_METHODS)
        error = WrongValueError(f"is {shown(method)}, and must be one of {known}")
        error.add_note(AttributeValidationNote("", "method", str))
        raise ClassValidationError("", [error], Settings)

    return hook


def _checked(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongValueError(f"is {kind(value)}, and must be a table")
    return value
