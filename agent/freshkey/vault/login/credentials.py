"""Credentials in files, read at each login, and cleaned."""

from __future__ import annotations

import codecs
import os
import stat
from typing import TYPE_CHECKING, Final

import structlog

from freshkey.core.model.faults import Fault, FaultError, FaultKind
from freshkey.core.model.secret import Secret
from freshkey.core.model.text import cleaned, one_line
from freshkey.logs.redact import add_temporary
from freshkey.vault.answers.cleaning import tell_cleaned

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger()

_LARGEST: Final = 64 * 1024
_read_last: Final[dict[Path, tuple[int, ...]]] = {}  # the file that was read at each path


def read_credential(path: Path, option: str) -> Secret:
    """Return what a file holds, less the white space around it.

    Raises FaultError with a line that names `option` and path, and says what to do. `option` is
    one of [auth], a variable in capitals, or a path of the configuration with dots.
    """
    return _cleaned(path, named(option), "credential")


def read_password(path: Path, option: str) -> Secret:
    """Return the UTF-8 that a file holds, less line ends around it: spaces may belong to it.

    Raises FaultError as `read_credential` does.
    """
    return _cleaned(path, named(option), "password")


def named(option: str) -> str:
    """Name an option as `read_credential` takes it."""
    return option if option.isupper() or "." in option else f"auth.{option}"


def _cleaned(path: Path, option: str, what: str) -> Secret:
    text = _text(path, option, what)
    found = cleaned(text, spaces=what == "credential")
    if not found.value:
        raise _unusable(path, option, f"is empty: put the {what} there")
    if found.misfit and what == "credential":
        problem = f"has {found.misfit}: it must hold the credential alone, a word of ASCII"
        raise _unusable(path, option, problem)
    tell_cleaned("credential.cleaned", text, found, option=option, path=str(path))
    return _known(found.value)


def _text(path: Path, option: str, what: str) -> str:
    content = _content(path, option)
    if len(content) > _LARGEST:
        raise _unusable(path, option, f"holds more than 64 KiB: it must hold the {what} alone")
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _unusable(path, option, f"is UTF-16: save the {what} as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        hint = f"is not UTF-8 at byte {error.start}: save the {what} as UTF-8"
        raise _unusable(path, option, hint) from None


def _known(value: str) -> Secret:
    secret = Secret(value)
    add_temporary(secret)  # it may have no look by which a log could tell it
    return secret


def _content(path: Path, option: str) -> bytes:
    try:
        content = _read(path)
    except FileNotFoundError:
        hint = "put the credential there"
        if path.is_relative_to("/run/credentials"):  # systemd.exec(5), LoadCredential=
            hint = "systemd puts it there while the service runs"
        raise _unusable(path, option, f"does not exist: {hint}") from None
    except PermissionError:
        hint = f"can't be read by user {os.geteuid()}: correct its owner or mode"
        raise _unusable(path, option, hint) from None
    except OSError as error:
        raise _unusable(path, option, f"can't be read: {error.strerror}") from None
    if content is None:
        raise _unusable(path, option, "is not a regular file: give the file with the credential")
    return content


def _read(path: Path) -> bytes | None:
    # Non-blocking: a named pipe without a writer would hold up the agent.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        _read_last[path] = _version(status)
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(_LARGEST + 1)
    finally:
        os.close(descriptor)


def _unusable(path: Path, option: str, problem: str) -> FaultError:
    return FaultError(Fault(FaultKind.BAD_REQUEST, f"{option} {one_line(str(path))} {problem}"))


def _version(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def remove_credential(path: Path) -> None:
    """Remove a credential that was used, but not another one that was delivered since it was read.

    If it can't be removed, that is logged, because the login is done.
    """
    read = _read_last.pop(path, None)
    try:
        if _version(path.stat()) == read:
            path.unlink()
        else:
            log.info("credential.replaced", path=str(path))
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("credential.not_removed", path=str(path), error=error.strerror)
