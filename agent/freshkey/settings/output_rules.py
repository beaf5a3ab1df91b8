"""Rules for what the agent makes: nothing replaces another thing that it makes, reads, or needs."""

from collections.abc import Iterator
from os import fsencode
from os.path import normpath
from pathlib import Path
from typing import Final

from freshkey.core.model.struct import Struct
from freshkey.settings.faults import Finding, Place, rendered
from freshkey.settings.listeners import sockets
from freshkey.settings.model import Settings

_LONGEST_SOCKET_PATH: Final = 107  # bytes; sun_path in unix(7) ends with a zero byte
_STATE: Final[Place] = ("state", "directory")
_DIRECTORIES: Final[dict[Place, str]] = {
    _STATE: "which is the agent's own",
    ("vault", "ca_dir"): "whose files are taken for certificates",
}
_CONFIGURATION: Final[Place] = ()


def broken_output_rules(settings: Settings, configuration: Path | None = None) -> Iterator[Finding]:
    """List every rule that sockets, key files, and the audit file break.

    `configuration` is the file that the settings are from.
    """
    yield from _addresses(settings)
    for place, path in _sockets(settings):
        if len(fsencode(path)) > _LONGEST_SOCKET_PATH:
            yield Finding(place, f"is longer than {_LONGEST_SOCKET_PATH} bytes: use a shorter path")
    outputs = {**dict(_sockets(settings)), **dict(_files(settings))}
    inputs = {place: path for place, path in _paths((), settings) if place not in outputs}
    if configuration is not None:
        inputs[_CONFIGURATION] = configuration
    taken: dict[str, Place] = {}
    above: dict[str, Place] = {}
    for place, path in (inputs | outputs).items():
        taken.setdefault(normpath(path), place)
    for place, path in inputs.items():
        for parent in Path(normpath(path)).parents:
            above.setdefault(str(parent), place)
    for place, path in outputs.items():
        yield from _output(place, normpath(path), taken, above)


def _output(
    place: Place, path: str, taken: dict[str, Place], above: dict[str, Place]
) -> Iterator[Finding]:
    """Give the first rule that an output breaks."""
    if (first := taken[path]) != place:
        yield Finding(place, f"is the path of {_name(first)} too: use another", _about(first))
        return
    for parent in map(str, Path(path).parents):
        if (found := taken.get(parent)) is None:
            continue
        if found == _STATE and place[-1] == "socket":  # for clients of the agent's own user
            continue
        if found in _DIRECTORIES:
            what = f"is in {_name(found)}, {_DIRECTORIES[found]}"
        else:
            what = f"is below {_name(found)}, which is a file"
        yield Finding(place, f"{what}: use another directory", _about(found))
        return
    if (found := above.get(path)) is not None:
        message = f"is a directory on the way to {_name(found)}: use another path"
        yield Finding(place, message, _about(found))


def _name(place: Place) -> str:
    return "this configuration" if place == _CONFIGURATION else rendered(place)


def _about(place: Place) -> tuple[Place, ...]:
    return () if place == _CONFIGURATION else (place,)


def _addresses(settings: Settings) -> Iterator[Finding]:
    if settings.gateway.tcp is not None and settings.gateway.tcp == settings.server.health:
        health: Place = ("server", "health")
        yield Finding(
            ("gateway", "tcp"), "is the address of server.health too: use another", (health,)
        )


def _sockets(settings: Settings) -> Iterator[tuple[Place, Path]]:
    for table, listening in sockets(settings):
        if listening.socket is not None:
            yield (*table, "socket"), listening.socket


def _files(settings: Settings) -> Iterator[tuple[Place, Path]]:
    if settings.log.audit_file is not None:
        yield ("log", "audit_file"), settings.log.audit_file
    for name, key in settings.keys.items():
        for index, file in enumerate(key.files):
            yield ("keys", name, "files", index, "path"), file.path


def _paths(place: Place, value: object) -> Iterator[tuple[Place, Path]]:
    """List every path below a place, whatever it is for."""
    match value:
        case Path():
            yield place, value
        case Struct():
            for option in value.__struct_fields__:
                yield from _paths((*place, option), getattr(value, option))
        case dict():
            for name, item in value.items():
                yield from _paths((*place, name), item)
        case tuple():
            for index, item in enumerate(value):
                yield from _paths((*place, index), item)
        case _:
            pass
