"""`freshkey init`: writes a configuration to start with, and says what to do next."""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from freshkey.cli.arguments import DEFAULT_CONFIG
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.cli.questions import Question, take
from freshkey.host.accounts import user_id
from freshkey.provisioning.policy import pattern_in
from freshkey.provisioning.starter import (
    NEED_ROLE,
    NEED_USERNAME,
    TAKE_ROLE,
    WITHOUT_FILES,
    Answers,
    Federation,
    starter,
)
from freshkey.settings import load
from freshkey.settings.auth import AUTH_METHODS, DEFAULT_AUTH_METHOD
from freshkey.settings.keys import PROVIDER_PLACEHOLDER
from freshkey.settings.urls import vault_url
from freshkey.settings.values import KEY_NAME, WrongValueError, account, visible, word
from freshkey.settings.vault_paths import secret_path

if TYPE_CHECKING:
    from argparse import Namespace

_EXAMPLE: Final = "openai/creds/billing"
_ACCOUNT: Final = "freshkey"  # of the units in systemd/
_PROVIDER: Final = PROVIDER_PLACEHOLDER
_THERE: Final = "is there already, and is left alone"
_NO_VARIABLES: Final = {"VAULT_TOKEN": "none"}  # whoever runs this may be an operator


def init(options: Namespace) -> int:
    """Ask for what is missing on a terminal, write the file, and print the next commands."""
    path: Path = options.config
    if os.path.lexists(path):
        raise CommandError(f"{shown(path)}: {_THERE}: edit it, or name another with --config")
    answers = _answers(options)
    _write(path, starter(answers))
    print(f"wrote {shown(path)}; next:")
    for line in _next(path, answers):
        print(line)
    return 0


def _answers(options: Namespace) -> Answers:
    if options.token_file is not None:  # then no Vault is needed
        return _without_vault(options)
    variable = os.environ.get("VAULT_ADDR")
    address = take(options.address, Question("--address", "Vault's address", variable, vault_url))
    methods = f"login method ({', '.join(AUTH_METHODS)})"
    method = take(options.method, Question("--method", methods, DEFAULT_AUTH_METHOD, _check_method))
    role, username = options.role or "", options.username or ""
    if not role and method in NEED_ROLE:
        role = take(None, Question("--role", "role of that login in Vault", None, word))
    if role and method not in TAKE_ROLE:
        raise CommandError(f"--role: method {method} takes none: leave it out", status=2)
    if not username and method in NEED_USERNAME:
        username = take(None, Question("--username", "user name in Vault", None, visible))
    if username and method not in NEED_USERNAME:
        raise CommandError(f"--username: method {method} takes none: leave it out", status=2)
    path, federation = "", None
    if options.oidc_role is not None:
        role_of_vault = "role by which Vault vouches for the agent"
        take(options.oidc_role, Question("--oidc-role", role_of_vault, None, _check_oidc_role))
        federation = _federation(options)
    if federation is None:
        reading = f"what to read, such as {_EXAMPLE}"
        path = take(options.path, Question("--path", reading, None, _check_path))
    key = _take_key(options, _name_of(path or options.oidc_role))
    group, unit = _take_group(options), _unit(options.config)
    return Answers(address, method, key, path, group, role, username, unit, federation)


def _without_vault(options: Namespace) -> Answers:
    """Ask for a key that is exchanged for a token in a file."""
    for flag in ("address", "method", "role", "username", "oidc_role"):
        if getattr(options, flag) is not None:
            name = flag.replace("_", "-")
            raise CommandError(f"--{name} is for Vault, and --token-file needs none", status=2)
    federation, key = _federation(options), _take_key(options, None)
    group, unit = _take_group(options), _unit(options.config)
    return Answers("", "", key, "", group, unit=unit, federation=federation)


def _federation(options: Namespace) -> Federation:
    if options.path is not None:
        raise CommandError("--path is for a key of Vault's: leave it out", status=2)
    acting = "service account at OpenAI to act as, by its id"
    service = take(options.service_account, Question("--service-account", acting, None, word))
    trusted = "identity provider at OpenAI, by its id, once there is one"
    provider = take(
        options.identity_provider, Question("--identity-provider", trusted, _PROVIDER, word)
    )
    return Federation(provider, service, options.oidc_role or "", options.token_file or "")


def _take_key(options: Namespace, usual: str | None) -> str:
    naming = "name of the key (a-z, 0-9, _ and -)"
    return take(options.key, Question("--key", naming, usual, _check_key))


def _take_group(options: Namespace) -> str:
    readers = "group that may read it (empty: the agent's user alone)"
    return take(options.group, Question("--group", readers, "", account))


def _check_method(answer: object) -> None:
    if answer not in AUTH_METHODS:
        raise WrongValueError(f"is none of {', '.join(AUTH_METHODS)}")


def _check_path(answer: object) -> None:
    _refuse_pattern(secret_path(answer))


def _check_oidc_role(answer: object) -> None:
    _refuse_pattern(visible(answer))


def _refuse_pattern(path: str) -> None:
    if found := pattern_in(path):
        raise WrongValueError(f"can't be named by a policy, which takes {found} for a pattern")


def _check_key(answer: object) -> None:
    if not re.fullmatch(KEY_NAME, str(answer)):
        raise WrongValueError("is no name for a key: use a-z, 0-9, _ and -, such as billing")


def _unit(config: Path) -> str:
    """Name the service of systemd that reads this file; empty without its account."""
    if config.absolute().parent != Path(DEFAULT_CONFIG).parent:
        return ""
    try:
        user_id(_ACCOUNT)
    except KeyError:
        return ""
    instance = "" if config.name == Path(DEFAULT_CONFIG).name else f"@{config.stem}"
    return f"{_ACCOUNT}{instance}.service"


def _name_of(path: str) -> str | None:
    """Guess a name for a key from what it is read from: its last part."""
    last = path.rstrip("/").rpartition("/")[2].lower()
    return last if re.fullmatch(KEY_NAME, last) else None


def _write(path: Path, text: str) -> None:
    """Write a file that is not there yet, whole or not at all; the agent's group may read it."""
    directory = path.absolute().parent
    new = directory / f".{path.name}.{secrets.token_hex(8)}"
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "w") as file:
            with suppress(OSError):
                os.fchown(file.fileno(), -1, directory.stat().st_gid)
            file.write(text)
        load(new, _NO_VARIABLES)  # SettingsError names options, which are those of the questions
        os.link(new, path)
    except FileExistsError:
        raise CommandError(f"{shown(path)}: {_THERE}") from None
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        with suppress(OSError):
            new.unlink()


def _unwritable(path: Path, error: OSError) -> CommandError:
    why = f"can't be written: {error.strerror}: name another place with --config"
    return CommandError(f"{shown(path)}: {why}")


def _next(path: Path, answers: Answers) -> list[str]:
    config = "" if path == Path(DEFAULT_CONFIG) else f" --config {quote(str(path))}"
    directory = quote(str(path.absolute().parent))
    where = "at OpenAI" if answers.federation else "in Vault"
    if answers.federation and answers.address:
        where = "in Vault, and at OpenAI"
    setup = (f"freshkey policy --setup{config}", f"what an operator enters {where}")
    check = f"freshkey check --online{config}"
    if answers.unit:
        lines = [
            *_for_group(answers),
            setup,
            (f"systemctl enable --now {answers.unit}", f"once the credentials lie in {directory}"),
            (check, "while it runs: systemd passes it its credentials at its start"),
        ]
    else:
        where = (
            "where the agent will run"
            if answers.method in WITHOUT_FILES or not answers.address
            else f"once the credentials lie in {directory}"
        )
        lines = [setup, (check, where), (f"freshkey run{config}", "in the foreground")]
    width = max(len(command) for command, _ in lines)
    return [f"  {command.ljust(width)}  # {why}" for command, why in lines]


def _for_group(answers: Answers) -> list[tuple[str, str]]:
    """The service can give files to no group, but a directory with setgid can."""
    if not answers.group:
        return []
    lines = [f"d {answers.runtime}/keys 2751 freshkey {answers.group}"]
    if answers.is_instance:  # the package, or who installed it, makes the one of freshkey.service
        lines.insert(0, f"d {answers.runtime} 0751 freshkey freshkey")
    file = quote(f"/etc/tmpfiles.d/{answers.unit.removesuffix('.service')}-keys.conf")
    written = f"printf '%s\\n' {' '.join(map(quote, lines))} > {file}"
    made = f"{written} && systemd-tmpfiles --create {file}"
    return [(made, "whose group the files in there get")]
