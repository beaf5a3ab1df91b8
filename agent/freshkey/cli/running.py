"""`freshkey run` and `freshkey once`: the agent itself."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from freshkey.cli.configuration import fitting_settings
from freshkey.daemon import startup
from freshkey.daemon.config_file import ConfigFile
from freshkey.host.process import end_with

if TYPE_CHECKING:
    from argparse import Namespace


def run(options: Namespace) -> int:
    """Be the daemon until a signal ends it."""
    if options.end_with is not None:
        end_with(options.end_with)
    file = ConfigFile(options.config, partial(fitting_settings, options.config))
    return startup.run(file.load(), file, lock_memory=options.lock_memory)


def once(options: Namespace) -> int:
    """Get every key once, within the timeout."""
    return startup.once(fitting_settings(options.config), options.timeout)
