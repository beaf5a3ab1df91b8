"""Whether the rules of `allow` can be told: names that exist, programs, and a view of /proc."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.host.accounts import group_id, user_id
from freshkey.preflight.offline.accounts import unknown
from freshkey.settings.faults import Finding
from freshkey.settings.values import quoted
from freshkey.sockets.peers import overflow_gid, overflow_uid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.faults import Place
    from freshkey.settings.keys import AllowSettings
    from freshkey.settings.model import Settings

_FIRST_PROCESS: Final = Path("/proc/1")  # somebody else's, as most peers are
# systemd.unit(5): kinds of unit that have processes, and those for which systemd takes credentials.
_UNIT: Final = r"[A-Za-z0-9:_.\\@-]{1,249}\.(service|scope)"
_WITH_CREDENTIALS: Final = r"[A-Za-z0-9:_.\\@-]{1,249}\.(service|socket|mount|swap)"
_USERS_MANAGER: Final = r"user@[0-9]+\.service"
_INSTANCE: Final = r"[^@]+@.+\.service"


def peer_findings(settings: Settings, process: Path = _FIRST_PROCESS) -> Iterator[Finding]:
    """List the rules that no peer could match, or that this process could not see a peer match."""
    for place, allow, has_credential in _rules(settings):
        yield from _accounts(place, allow)
        if allow.executable is not None:
            yield from _executable((*place, "executable"), allow.executable, process)
        if allow.unit is not None:
            yield from _unit((*place, "unit"), allow.unit, process, has_credential=has_credential)


def peer_warnings(settings: Settings) -> Iterator[Finding]:
    """List the rules by program alone, which keep out nobody who may run that program.

    And those by a unit that may be in another slice than the one that is looked at.
    """
    for place, allow, has_credential in _rules(settings):
        if allow.unit is not None and not has_credential and re.fullmatch(_INSTANCE, allow.unit):
            yield Finding(
                (*place, "unit"),
                "is of a template, and matches only if the unit has Slice=system.slice: systemd "
                "puts it into a slice of its own otherwise",
            )
        alone = (allow.user, allow.group, allow.unit) == (None, None, None)
        if allow.executable is not None and alone:
            yield Finding(
                (*place, "executable"),
                "stands alone, and whoever may run this program can have the key through it: "
                "name a user, group, or unit, too",
            )


def _rules(settings: Settings) -> Iterator[tuple[Place, AllowSettings, bool]]:
    """List every rule about a peer, of keys and of the gateway.

    True: systemd, too, may name the unit for which it takes the key, at the credential socket.
    """
    for name, key in settings.keys.items():
        for index, allow in enumerate(key.allow):
            yield ("keys", name, "allow", index), allow, key.credential is not None
    for index, client in enumerate(settings.gateway.clients if settings.gateway.is_on else ()):
        yield ("gateway", "clients", index), client, False


def _accounts(place: Place, allow: AllowSettings) -> Iterator[Finding]:
    for option, name, look_up, overflow in (
        ("user", allow.user, user_id, overflow_uid()),
        ("group", allow.group, group_id, overflow_gid()),
    ):
        try:
            number = look_up(name)
        except KeyError as error:
            yield Finding((*place, option), unknown(error))
            continue
        if number == overflow:
            who = name if name == str(number) else f"{name} ({number})"
            yield Finding(
                (*place, option),
                f"{who} stands for every {option} of other user namespaces, and never matches: "
                f"give the client a {option} of its own",
            )


def _unit(place: Place, unit: str, process: Path, *, has_credential: bool) -> Iterator[Finding]:
    if has_credential and re.fullmatch(_WITH_CREDENTIALS, unit):
        pass
    elif not re.fullmatch(_UNIT, unit):
        message = f'is {quoted(unit)}, which is no service or scope: write "billing.service"'
        yield Finding(place, message)
    elif re.fullmatch(_USERS_MANAGER, unit):
        yield Finding(place, "is of a user's own manager, and never matches: use user")
    if not _readable(process / "cgroup"):
        yield Finding(
            place,
            "can't be seen of other users' processes: /proc hides them from the agent "
            "(hidepid, ProtectProc=): show them to it, or use user and group",
        )


def _executable(place: Place, path: Path, process: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield Finding(place, f"can't be found ({error.strerror}): correct the path")
        return
    if not stat.S_ISREG(mode) or not mode & 0o111:
        yield Finding(place, "is no program: name the file that the kernel runs")
    elif _is_script(path):
        yield Finding(place, "is a script, and its process runs the interpreter: use unit or user")
    try:
        (process / "exe").stat()
    except OSError:
        yield Finding(
            place,
            f"can't be seen of other users' processes by user id {os.geteuid()}: give the agent "
            "CAP_SYS_PTRACE, or use unit, user, or group",
        )


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:  # a program need not be readable
        return False


def _readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False
