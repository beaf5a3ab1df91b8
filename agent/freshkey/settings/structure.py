"""From a TOML document to `Settings`, with every fault at its place.

cattrs collects the faults of all tables. What is faulty is then taken out, so that the rest can be
built all the same, and the rules between options can be tested on it.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from attrs import fields
from cattrs import ClassValidationError, ForbiddenExtraKeysError, IterableValidationError

from freshkey.settings.auth import AUTH_METHODS, AppRoleAuth
from freshkey.settings.converter import converter
from freshkey.settings.faults import Finding, Place
from freshkey.settings.model import Settings
from freshkey.settings.values import WrongValueError, quoted

Document = dict[str, Any]

_REQUIRED_TABLES: Final = ("vault", "auth")  # their options may all come from elsewhere
_STAND_IN: Final = "stand-in"  # what every option without a default can be parsed from


def structure(document: Document, directory: Path) -> tuple[Settings, list[Finding]]:
    """Build the settings, and list what is wrong; what is wrong is taken out of `document`.

    Relative paths start at `directory`. With findings, the settings are partly made up.
    """
    tables = converter(directory)
    findings: list[Finding] = []
    while True:
        for name in _REQUIRED_TABLES:
            document.setdefault(name, {})
        try:
            return tables.structure(document, Settings), findings
        except ClassValidationError as error:
            found = list(_findings(error, ()))
        findings = findings or found  # what comes later comes of the repair
        for finding in found:
            _repair(document, finding.place)


def _repair(document: Document, place: Place) -> None:
    """Take a faulty option out; put a missing one in."""
    while isinstance(place[-1], int):  # the array goes as a whole, or the others' places change
        place = place[:-1]
    holder: Any = document
    for part in place[:-1]:
        if isinstance(holder, dict) and part not in holder:
            return  # it went with its array
        holder = holder[part]
    if place[-1] in holder:
        del holder[place[-1]]
    else:
        holder[place[-1]] = _STAND_IN


def _findings(error: Exception, place: Place) -> Iterator[Finding]:
    match error:
        case ClassValidationError():
            noted, others = error.group_exceptions()
            for inner, option in noted:
                yield from _findings(inner, (*place, option.name))
            for inner in others:
                yield from _findings(inner, place)
        case IterableValidationError():
            for inner, item in error.group_exceptions()[0]:
                yield from _findings(inner, (*place, item.index))
        case ForbiddenExtraKeysError():
            for name in sorted(error.extra_fields):
                yield Finding((*place, name), _unknown(name, error.cl))
        case KeyError():
            yield Finding(place, "is missing, and has no default: set it")
        case WrongValueError():
            yield Finding(place, str(error))
        case _:
            raise error


def _unknown(name: str, table: type) -> str:
    if name == "secret_id" and table is AppRoleAuth:
        return "is not allowed here: put it in a file, and name that in secret_id_file"
    if table in AUTH_METHODS.values():
        methods = [
            quoted(method) for method in AUTH_METHODS if name in _options(AUTH_METHODS[method])
        ]
        if methods:
            return f"belongs to method {' or '.join(methods)}: remove it, or change the method"
    known = _options(table)
    if close := get_close_matches(name, known, n=1):
        return f"is unknown: did you mean {close[0]}?"
    return f"is unknown: known here are {', '.join(known)}"


def _options(table: type) -> list[str]:
    return [option.name for option in fields(table)]
