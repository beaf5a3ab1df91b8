"""`freshkey run` and `freshkey once`: the agent itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from freshkey.cli.configuration import fitting_settings
from freshkey.daemon import startup
from freshkey.daemon.config_file import ConfigFile
from freshkey.host.process import end_with
from freshkey.settings import SettingsError, SettingsFault

if TYPE_CHECKING:
    from argparse import Namespace

_NO_JOURNAL = (
    "is false, so the run that follows would not know the keys of once, and nobody would end them: "
    "leave it out, or start run alone"
)


def run(options: Namespace) -> int:
    """Be the daemon until a signal ends it."""
    if options.end_with is not None:
        end_with(options.end_with)
    file = ConfigFile(options.config, partial(fitting_settings, options.config))
    return startup.run(file.load(), file, lock_memory=options.lock_memory)


def once(options: Namespace) -> int:
    """Get every key once, within the timeout; what it leaves is found by the journal alone."""
    settings = fitting_settings(options.config)
    if not settings.state.persist:
        raise SettingsError((SettingsFault("state.persist", _NO_JOURNAL),))
    return startup.once(settings, options.timeout)
