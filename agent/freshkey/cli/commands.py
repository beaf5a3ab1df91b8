"""The commands: each takes the parsed arguments and returns an exit status."""

from __future__ import annotations

import json
import os
import re
import sys
from functools import partial
from typing import TYPE_CHECKING

from freshkey import __version__
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.host.imports import import_slim
from freshkey.host.process import end_with
from freshkey.logs.redact import redact_text
from freshkey.preflight.offline.host import host_faults, host_warnings
from freshkey.settings import Settings, SettingsError, SettingsFault, load

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable
    from pathlib import Path


def run(options: Namespace) -> int:
    """Be the daemon until a signal ends it."""
    if options.end_with is not None:
        end_with(options.end_with)
    settings = _settings(options.config)
    import_slim("structlog")
    from freshkey.daemon import startup  # noqa: PLC0415 - 15 ms: a fault of the configuration is told without

    load_again = partial(_settings, options.config)
    return startup.run(settings, options.config, load_again, lock_memory=options.lock_memory)


def once(options: Namespace) -> int:
    """Get every key once, within the timeout."""
    settings = _settings(options.config)
    import_slim("structlog")
    from freshkey.daemon import startup  # noqa: PLC0415 - 15 ms: a fault of the configuration is told without

    return startup.once(settings, options.timeout)


def check(options: Namespace) -> int:
    """Report every fault of the configuration, and of this machine for it; then go online."""
    if options.exchange and not options.online:
        raise CommandError("--exchange asks OpenAI for a token: it needs --online, too", status=2)
    settings: Settings | None = None
    faults: tuple[SettingsFault, ...] = ()
    try:
        settings = _settings(options.config)
    except SettingsError as error:
        if not options.json:
            raise
        faults = error.faults
    if options.online and settings is not None:
        import_slim("trio", "structlog")
        from freshkey.cli.online import check_online  # noqa: PLC0415 - it imports trio, which has to be in already, slim

        return check_online(settings, as_json=options.json, exchanging=options.exchange)
    warnings = host_warnings(settings) if settings is not None else ()
    if options.json:
        answer = {"ok": not faults, "faults": _listed(faults), "warnings": _listed(warnings)}
        print(json.dumps(answer))
    else:
        for warning in warnings:
            print(f"warning: {shown(warning)}")
        print("no fault found")
    return 2 if faults else 0


def version(_: Namespace) -> int:
    """Print the versions that a report of a fault should name."""
    from importlib import metadata  # noqa: PLC0415 - 18 ms, and no other command needs it

    print(f"freshkey {__version__}")
    print(f"Python {sys.version.split()[0]}")
    try:
        requirements = metadata.requires("freshkey") or ()
    except metadata.PackageNotFoundError:
        requirements = ()  # run from its sources, without being installed
    for requirement in sorted(requirements):
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            print(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            print(f"{name} is not installed")
    return 0


def _listed(findings: Iterable[SettingsFault]) -> list[dict[str, str]]:
    return [
        {"path": redact_text(finding.path), "message": redact_text(finding.message)}
        for finding in findings
    ]


def _settings(config: Path) -> Settings:
    """Read the configuration and look at the machine; raise SettingsError if either has faults."""
    settings = load(config, os.environ)
    if faults := host_faults(settings):
        raise SettingsError(faults)
    return settings
