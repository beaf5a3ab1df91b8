"""Rules between options, and for what is demanded: each finding says what to do."""

import re
from collections.abc import Iterator
from pathlib import Path

from freshkey.settings.auth_rules import broken_auth_rules
from freshkey.settings.faults import Finding, Place
from freshkey.settings.federation_rules import broken_federation_rules
from freshkey.settings.gateway_rules import broken_gateway_rules
from freshkey.settings.keys import FileFormat, FileSettings, HookSettings, KeySettings
from freshkey.settings.model import Settings, VaultSettings
from freshkey.settings.output_rules import broken_output_rules
from freshkey.settings.values import KEY_NAME


def broken_rules(settings: Settings, configuration: Path | None = None) -> Iterator[Finding]:
    """List every rule between options that the settings of a file, `configuration`, break."""
    yield from _vault(settings.vault, needed=settings.uses_vault)
    if settings.auth is not None:
        yield from broken_auth_rules(settings.auth, settings.vault)
    if not settings.keys:
        yield Finding(("keys",), "is missing: add a table such as [keys.billing] with a path")
    for name, key in settings.keys.items():
        yield from _key(("keys", name), key)
    yield from broken_gateway_rules(settings.gateway, settings.keys)
    yield from broken_output_rules(settings, configuration)


def bad_names(settings: Settings) -> Iterator[Finding]:
    """List the keys whose names can't be used in a URL or a metric."""
    for name in settings.keys:
        if not re.fullmatch(KEY_NAME, name):
            yield Finding(
                ("keys", name),
                'is not a name for a key: use up to 63 of a-z, 0-9, "_" and "-", the first one '
                "a letter or digit",
            )


def _vault(vault: VaultSettings, *, needed: bool) -> Iterator[Finding]:
    if needed and not vault.address:
        yield Finding(
            ("vault", "address"),
            "is missing: set it, or the variable VAULT_ADDR",
            (("vault", "addresses"),),
        )
    if vault.client_key_file and not vault.client_cert_file:
        yield Finding(("vault", "client_cert_file"), "is missing: client_key_file alone is no use")


def _key(place: Place, key: KeySettings) -> Iterator[Finding]:
    yield from broken_federation_rules(place, key)
    if key.jitter >= key.renew_at:
        yield Finding(
            (*place, "jitter"),
            f"is {key.jitter}, and must be less than renew_at, {key.renew_at}",
            ((*place, "renew_at"),),
        )
    for index, file in enumerate(key.files):
        yield from _file((*place, "files", index), file)
    for index, hook in enumerate(key.hooks):
        yield from _hook((*place, "hooks", index), hook)
    for index, allow in enumerate(key.allow):
        if not (allow.user or allow.group or allow.unit or allow.executable):
            yield Finding(
                (*place, "allow", index),
                "is empty, and would let everyone in: set user, group, unit, or executable",
            )


def _file(place: Place, file: FileSettings) -> Iterator[Finding]:
    given = [name for name in ("template", "template_file") if getattr(file, name)]
    if file.format is not FileFormat.TEMPLATE:
        for name in given:
            yield Finding(
                (*place, name),
                'needs format = "template": set that, or remove it',
                ((*place, "format"),),
            )
    elif len(given) != 1:
        yield Finding(
            place, "must have exactly one of template and template_file, because of its format"
        )


def _hook(place: Place, hook: HookSettings) -> Iterator[Finding]:
    if bool(hook.command) == bool(hook.signal):
        yield Finding(place, "must have exactly one of command and signal")
    receivers = sum(map(bool, (hook.pid_file, hook.unit)))
    if receivers != (1 if hook.signal else 0):
        yield Finding(place, "must have exactly one of pid_file and unit with signal, else neither")
    if hook.command:
        yield from _command((*place, "command"), hook.command)


def _command(place: Place, command: tuple[str, ...]) -> Iterator[Finding]:
    program = command[0]
    if not program:
        yield Finding((*place, 0), "is empty: name a program")
    elif "/" in program and not program.startswith("/"):
        yield Finding((*place, 0), "is a relative path: write all of it, or a name alone")
    for index, argument in enumerate(command):
        if "\0" in argument:  # execve(2) would end it there
            yield Finding((*place, index), "has a null character: remove it")
