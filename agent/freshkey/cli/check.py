"""`freshkey check`: what is wrong with a configuration, before an agent runs by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from freshkey.cli.configuration import fitting_settings
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.host.imports import import_slim
from freshkey.logs.redact import redact_text
from freshkey.preflight.offline.host import host_warnings
from freshkey.preflight.offline.start import start_faults, start_warnings
from freshkey.settings import Settings, SettingsError, SettingsFault

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable


def check(options: Namespace) -> int:
    """Report every fault of the configuration, and of this machine for it; then go online."""
    if options.exchange and not options.online:
        raise CommandError("--exchange asks OpenAI for a token: it needs --online, too", status=2)
    settings: Settings | None = None
    faults: tuple[SettingsFault, ...] = ()
    try:
        looks = () if options.online else (start_faults,)
        settings = fitting_settings(options.config, *looks)
    except SettingsError as error:
        if not options.json:
            raise
        faults = error.faults
    if options.online and settings is not None:
        import_slim("trio", "structlog", "hvac")
        from freshkey.cli.online import check_online  # noqa: PLC0415 - 70 ms, for --online alone

        return check_online(settings, as_json=options.json, exchanging=options.exchange)
    warnings = () if settings is None else host_warnings(settings) + start_warnings(settings)
    if options.json:
        answer = {"ok": not faults, "faults": _listed(faults), "warnings": _listed(warnings)}
        print(json.dumps(answer))
    else:
        for warning in warnings:
            print(f"warning: {shown(warning)}")
        print("no fault found")
    return 2 if faults else 0


def _listed(findings: Iterable[SettingsFault]) -> list[dict[str, str]]:
    return [
        {"path": redact_text(finding.path), "message": redact_text(finding.message)}
        for finding in findings
    ]
