"""From a TOML document to `Settings`, with every fault at its place.

msgspec would stop at the first fault, so the document is gone through here. What is faulty counts
as unset, and what is missing is made up: the rest is built all the same, and the rules between
options can be tested on it.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_args, get_origin

from msgspec.structs import FieldInfo, fields

from freshkey.core.model.struct import Struct
from freshkey.settings import values
from freshkey.settings.auth import AUTH_METHODS, DEFAULT_AUTH_METHOD, AuthSettings
from freshkey.settings.faults import Finding, Place
from freshkey.settings.federation_rules import needs_vault
from freshkey.settings.file_names import path_of
from freshkey.settings.model import Settings
from freshkey.settings.unknown import unknown
from freshkey.settings.values import WrongValueError, kind, shown

Document = dict[str, Any]
Table = TypeVar("Table", bound=Struct)

_UNSET: Final = ""
_MADE_UP: Final[dict[str, object]] = {"vault": {}, "auth": {}}
_STAND_IN: Final = "stand-in"  # what every other option without a default can be read from


def structure(document: Document, directory: Path) -> tuple[Settings, list[Finding]]:
    """Build the settings, and list what is wrong.

    Relative paths start at `directory`. With findings, the settings are partly made up.
    """
    reader = _Reader(directory)
    # The options of these tables may all come from elsewhere; without need of Vault, no login is.
    made_up = _MADE_UP if needs_vault(document) else {"vault": {}}
    settings = reader.table(Settings, made_up | document, ())
    return settings, reader.findings


class _Reader:
    """Takes values as the types of their options say, and gathers what is wrong with them.

    The types are those in `model` and `auth`, no more: `Annotated` holds a function that parses.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.findings: list[Finding] = []

    def table(self, type_: type[Table], given: Document, place: Place) -> Table:
        """Build a table of what is right in `given`."""
        found = {option.name: self._option(option, given, place) for option in fields(type_)}
        for name in sorted(given.keys() - found.keys()):
            self.findings.append(Finding((*place, name), unknown(name, type_)))
        return type_(**{name: value for name, value in found.items() if value is not None})

    def _option(self, option: FieldInfo, given: Document, place: Place) -> object:
        """Take what is set; return None when nothing right is, and there is a default."""
        place = (*place, option.name)
        value = given.get(option.name, _UNSET)
        if value != _UNSET:
            taken = self._taken(option.type, value, place)
            if taken is not None:
                return taken
        if not option.required:
            return None
        if value == _UNSET:
            message = "is missing, and has no default: set it"
            self.findings.append(Finding(place, message))
        untold = _Reader(self._directory)
        return untold.value(option.type, _MADE_UP.get(option.name, _STAND_IN), place)

    def _taken(self, type_: Any, value: object, place: Place) -> object:  # noqa: ANN401 - as in `value`
        """Take a value; return None when it is faulty, which is noted."""
        try:
            return self.value(type_, value, place)
        except WrongValueError as error:
            self.findings.append(Finding(place, str(error)))
            return None

    def value(self, type_: Any, value: object, place: Place) -> object:  # noqa: ANN401 - classes, and what typing makes of them
        """Take a value; raises WrongValueError."""
        if type_ in {AuthSettings, AuthSettings | None}:
            return self._auth(_checked(value), place)
        match get_origin(type_), get_args(type_):
            case origin, (_, parse) if origin is Annotated:
                return parse(value)
            case origin, (item, _) if origin is tuple:
                return self._array(item, value, place)
            case origin, (_, item) if origin is dict:
                pairs = _checked(value).items()
                taken = {name: self._taken(item, one, (*place, name)) for name, one in pairs}
                return {name: one for name, one in taken.items() if one is not None}
            case origin, _ if origin is Literal:
                return value  # by which the class was chosen
            case _, (inner, none) if none is type(None):
                return self.value(inner, value, place)
        if issubclass(type_, Struct):
            return self.table(type_, _checked(value), place)
        if issubclass(type_, StrEnum):
            return _member(type_, value)
        if type_ is Path:
            return self._directory / path_of(values.string(value))
        return values.boolean(value) if type_ is bool else values.string(value)

    def _array(self, item: Any, value: object, place: Place) -> object:  # noqa: ANN401 - as in `value`
        """Take an array; None when it has an item that can't be taken, for it goes as a whole."""
        if not isinstance(value, list):
            tables = isinstance(item, type) and issubclass(item, Struct)
            brackets = ": write [[ ]] around the table's name" if tables else ""
            raise WrongValueError(f"is {kind(value)}, and must be an array{brackets}")
        taken = [self._taken(item, one, (*place, index)) for index, one in enumerate(value)]
        return None if None in taken else tuple(taken)

    def _auth(self, given: Document, place: Place) -> object:
        method = given.get("method", _UNSET)
        if method == _UNSET:
            method = DEFAULT_AUTH_METHOD
        if isinstance(method, str) and method in AUTH_METHODS:
            return self.table(AUTH_METHODS[method], given, place)
        message = f"is {shown(method)}, and must be one of {', '.join(AUTH_METHODS)}"
        self.findings.append(Finding((*place, "method"), message))
        untold = _Reader(self._directory)  # nobody knows which options belong here
        return untold.table(AUTH_METHODS[DEFAULT_AUTH_METHOD], given | {"method": _UNSET}, place)


def _member(type_: type[StrEnum], value: object) -> StrEnum:
    known = [member.value for member in type_]
    if not isinstance(value, str) or value not in known:
        raise WrongValueError(f"is {shown(value)}, and must be one of {', '.join(known)}")
    return type_(value)


def _checked(value: object) -> Document:
    if not isinstance(value, dict):
        brackets = ": write [ ] around its name, not [[ ]]" if isinstance(value, list) else ""
        raise WrongValueError(f"is {kind(value)}, and must be a table{brackets}")
    return value
