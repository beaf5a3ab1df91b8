"""What this machine has against a configuration, found out without changing anything."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.core.model.faults import FaultError
from freshkey.core.model.text import one_line
from freshkey.host.accounts import UNCHANGED, group_id, user_id
from freshkey.outputs.directories import (
    file_system,
    is_memory_backed,
    is_mounted_alone,
    mounted_alone_at,
    refuse_if_others_write,
)
from freshkey.preflight.offline.accounts import group_passes, user_passes
from freshkey.preflight.offline.credentials import credential_warnings
from freshkey.preflight.offline.federation import federation_findings
from freshkey.preflight.offline.gateway import gateway_findings, gateway_warnings
from freshkey.preflight.offline.hooks import hook_findings
from freshkey.preflight.offline.owners import owner_findings
from freshkey.preflight.offline.peers import peer_findings, peer_warnings
from freshkey.preflight.offline.templates import template_findings
from freshkey.settings import SettingsFault
from freshkey.settings.faults import Finding, rendered
from freshkey.settings.listeners import sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.faults import Place
    from freshkey.settings.keys import FileSettings
    from freshkey.settings.model import Settings

# Types in mountinfo of file systems whose server, or process, a write has to wait for.
_REMOTE: Final = re.compile(r"nfs4?|cifs|smb3|smbfs|ceph|afs|9p|virtiofs|fuse(blk)?|fuse\..+")
_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH
_FOR_EVERYBODY: Final = (
    'lets every user who can pass its directory open it: use "0440", and a group for the readers'
)
_ON_DISK: Final = "is not on tmpfs or ramfs: move it there, or set state.allow_disk = true"


def host_faults(settings: Settings) -> tuple[SettingsFault, ...]:
    """Return what keeps this process from doing what the settings say; the network is left out."""
    return tuple(
        SettingsFault(rendered(item.place), one_line(item.message)) for item in _findings(settings)
    )


def host_warnings(settings: Settings) -> tuple[SettingsFault, ...]:
    """Return what on this machine may hurt later; the network is left out."""
    return tuple(
        SettingsFault(rendered(item.place), one_line(item.message)) for item in _warnings(settings)
    )


def _warnings(settings: Settings) -> Iterator[Finding]:
    for name, key in settings.keys.items():
        for index, file in enumerate(key.files):
            for point in mounted_alone_at(file.path):
                yield Finding(
                    ("keys", name, "files", index, "path"),
                    f"is mounted by itself at {point}, where it never changes: mount its directory",
                )
            if file.mode & _OTHERS:
                yield Finding(("keys", name, "files", index, "mode"), _FOR_EVERYBODY)
    yield from peer_warnings(settings)
    yield from gateway_warnings(settings)
    yield from credential_warnings(settings)
    audit = settings.log.audit_file
    kind = None if audit is None else file_system(audit)
    if kind is not None and _REMOTE.fullmatch(kind):
        message = f"is on {kind}, and every answer waits for a write to it: use a local file system"
        yield Finding(("log", "audit_file"), f"{audit} {message}")


def _findings(settings: Settings) -> Iterator[Finding]:
    in_memory = not settings.state.allow_disk
    for name, key in settings.keys.items():
        for index, file in enumerate(key.files):
            place: Place = ("keys", name, "files", index)
            yield from owner_findings(place, file, file.path)
            yield from template_findings(place, file, settings.keys)
            yield from _target((*place, "path"), file.path)
            yield from _passage((*place, "path"), file)
            if in_memory and not is_memory_backed(file.path.parent):
                yield Finding((*place, "path"), _ON_DISK)
        for index, hook in enumerate(key.hooks):
            yield from hook_findings(("keys", name, "hooks", index), hook)
    directory = settings.state.directory
    if in_memory and not is_memory_backed(directory):
        yield Finding(("state", "directory"), _ON_DISK)
    elif not os.path.lexists(directory) and (fault := unwritable(directory.parent)):
        yield Finding(("state", "directory"), f"can't be made: {fault}")
    for table, listening in sockets(settings):
        yield from owner_findings(table, listening, listening.socket)
    yield from peer_findings(settings)
    yield from gateway_findings(settings)
    yield from federation_findings(settings)
    if settings.log.audit_file is not None:
        yield from _appendable(("log", "audit_file"), settings.log.audit_file)


def unwritable(directory: Path) -> str | None:
    """Say why nothing can be made in a directory, or in the nearest that is there."""
    nearest = next(place for place in (directory, *directory.parents) if os.path.lexists(place))
    if not os.path.isdir(nearest):  # noqa: PTH112 - is_dir() raises where it may not look
        return f"{nearest} is not a directory: name another path"
    if not os.access(nearest, os.W_OK | os.X_OK, effective_ids=True):
        return f"user {os.geteuid()} can't write in {nearest}: correct its owner or mode"
    return None


def _target(place: Place, path: Path) -> Iterator[Finding]:
    """Only a regular file is replaced, and only where not everybody could do the same."""
    parent = _existing(path.parent)[-1]
    with suppress(OSError):  # not there yet, or not to be seen
        if not stat.S_ISREG(path.lstat().st_mode):
            yield Finding(
                place, "is there, and is not a regular file: name another path, or remove it"
            )
        elif is_mounted_alone(path):
            yield Finding(place, "is mounted by itself and can't be replaced: mount its directory")
    descriptor = os.open(parent, os.O_PATH | os.O_DIRECTORY)
    try:
        refuse_if_others_write(descriptor, parent)
    except FaultError as error:
        yield Finding(place, error.fault.message)
    finally:
        os.close(descriptor)


def _appendable(place: Place, path: Path) -> Iterator[Finding]:
    """A record is added to a regular file, which is made in a directory that is there."""
    try:
        fault = _not_appendable(path)
    except OSError as error:
        user, reason = os.geteuid(), error.strerror
        fault = f"can't be seen by user id {user} ({reason}): correct the directories before it"
    if fault is not None:
        yield Finding(place, fault)


def _not_appendable(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"can't be made: there is no directory {path.parent}: make it"
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return "is not a regular file: name another path, or remove it"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return f"can't be written by user id {os.geteuid()}: correct its owner or mode"
    return None


def _passage(place: Place, file: FileSettings) -> Iterator[Finding]:
    """Report the first directory that keeps a reader from a file which its mode lets it read."""
    for reader, name, look_up, bit, passes in (
        ("user", file.owner, user_id, stat.S_IRUSR, user_passes),
        ("group", file.group, group_id, stat.S_IRGRP, group_passes),
    ):
        try:
            number = look_up(name)
        except KeyError:  # reported with its option
            continue
        if number == UNCHANGED or not file.mode & bit:
            continue
        for directory in _existing(file.path.parent):
            if not passes(number, directory):
                mode = stat.S_IMODE(directory.stat().st_mode)
                yield Finding(
                    place,
                    f"can't be reached by {reader} {name}, who can't pass {directory} "
                    f"({mode:04o}): chmod +x it for them, or use another directory",
                )
                break


def _existing(directory: Path) -> list[Path]:
    """List the directories to this one, from the root, as far as they exist and can be seen."""
    real = Path(os.path.realpath(directory))  # unlike resolve(), takes a loop of links
    found = []
    with suppress(PermissionError):
        for place in (*reversed(real.parents), real):
            if not place.is_dir():
                break
            found.append(place)
    return found
