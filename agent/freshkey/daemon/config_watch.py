"""Notices that the configuration has changed: an editor replaced it, or a ConfigMap moved its link.

watchfiles waits for the kernel's word (inotify(7)) on the directories of the file, and of every
link on the way to it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

import structlog
import trio

from freshkey.core.model.text import one_line
from freshkey.host.imports import import_slim
from freshkey.settings.trust import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from freshkey.daemon.config_file import ConfigFile

AFTER_START: Final = 2.0  # seconds; by then the start no longer needs the processor
_STEP: Final = 2000  # milliseconds between two looks at what inotify has said: each wakes the agent
_DEBOUNCE: Final = 1000  # milliseconds in which changes are one
_SETTLING: Final = 1.0  # seconds in which a new content must not change again
# The kernel tells of every line that is written to a file in the directory, such as an audit file:
# a tenth of a read's time. Nobody listens for most of the time while the directory is that busy.
_SHORTEST_PAUSE: Final = 1.0  # seconds after something that was no change of the file
_LONGEST_PAUSE: Final = 8.0
_LOOK_AGAIN: Final = 60_000  # milliseconds; a directory that was itself replaced tells nothing

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


async def watch_config(file: ConfigFile, on_change: Callable[[], None]) -> None:
    """Call `on_change`, until it has been read, when the file has another content; for ever."""
    await trio.sleep(AFTER_START)
    pause = _SHORTEST_PAUSE
    while True:
        found = await _digest(file)
        if file.is_unread(found):
            await trio.sleep(_SETTLING)
            if await _digest(file) != found:  # somebody is still writing it
                continue
            pause = _SHORTEST_PAUSE
            if file.is_unread(found):  # no signal has had it read meanwhile
                on_change()
        elif not await _directories_change(file.path):
            pause = _SHORTEST_PAUSE
        elif not file.is_unread(await _digest(file)):  # another file has changed
            await trio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def directories(path: Path) -> list[Path]:
    """List where the file's name stands, and each link on the way to its content, and that."""
    found = [path.parent] if path.parent.is_dir() else []
    with suppress(OSError):  # as far as the way leads
        for place, status in steps(path.absolute()):
            directory = Path(place).parent
            if not stat.S_ISDIR(status.st_mode) and directory not in found:
                found.append(directory)
    return found


async def _directories_change(path: Path) -> bool:
    """Wait until something happens in one of the file's directories; False after a minute."""
    stop = Event()
    try:
        return await trio.to_thread.run_sync(_wait, path, stop, abandon_on_cancel=True)
    finally:
        stop.set()


def _wait(path: Path, stop: Event) -> bool:
    try:
        return bool(next(_changes(directories(path), stop), None))
    # Out of descriptors or watches, or a name that is no UTF-8.
    except (OSError, RuntimeError, ImportError, UnicodeError) as error:
        log.warning("config.not_watched", message=one_line(str(error)))
        stop.wait(_LOOK_AGAIN / 1000)
        return False


def _changes(places: list[Path], stop: Event) -> Iterator[object]:
    import_slim("watchfiles")
    import watchfiles  # noqa: PLC0415 - it has to be in already, slim; 2 ms that the start does without

    if not places:
        raise FileNotFoundError("there is no directory of it")
    return watchfiles.watch(
        *(os.fsencode(place).decode() for place in places),  # UTF-8 under every locale
        watch_filter=None,
        debounce=_DEBOUNCE,
        step=_STEP,
        rust_timeout=_LOOK_AGAIN,
        yield_on_timeout=True,
        raise_interrupt=False,
        recursive=False,
        stop_event=stop,
    )


async def _digest(file: ConfigFile) -> bytes | None:
    """Read it in a thread: on a network's file system that may hang."""
    return await trio.to_thread.run_sync(file.digest, abandon_on_cancel=True)
