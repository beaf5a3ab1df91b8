"""Agents that miss an edit of the configuration, or never have enough of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.daemon.config_file import ConfigFile
from freshkey.daemon.reload import Reloads
from freshkey.settings import SettingsFault

from tests.simulation.histories import Kind
from tests.simulation.mutant import Mutant

if TYPE_CHECKING:
    from freshkey.settings.model import Settings


def _load_and_remember_the_first(file: ConfigFile) -> Settings:
    file._read = file._read or file.digest()  # noqa: SLF001 - a broken file's
    return file._load()  # noqa: SLF001 - as above


EDIT_MUTANTS: Final = (
    Mutant(
        "notices no edit by itself",
        9,
        ((ConfigFile, "is_unread", lambda *_: False),),
        (Kind.RELOADED,),
    ),
    Mutant(
        "does not listen to SIGHUP", 9, ((Reloads, "request", lambda _: None),), (Kind.RELOADED,)
    ),
    Mutant(
        "refuses each edit",
        9,
        ((Reloads, "_unchangeable", lambda *_: SettingsFault("reload", "is refused")),),
        (Kind.RELOADED,),
    ),
    Mutant(
        "reads an edit over and over",
        9,
        ((ConfigFile, "load", _load_and_remember_the_first),),
        (Kind.RELOADED,),
    ),
)
