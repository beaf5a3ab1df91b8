"""`freshkey policy`: what Vault has to give this configuration, and how an operator sets it up."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from freshkey.cli.failure import CommandError
from freshkey.provisioning.needs import Need, needs
from freshkey.settings import load

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from freshkey.settings.model import Settings

# What a policy takes for a pattern, a template, or the end of its string.
_PATTERN: Final = re.compile(r'\*$|(?:^|/)\+(?:/|$)|\{\{|\$\{|"')
_NO_TOKEN: Final = {"VAULT_TOKEN": "none"}


def policy(options: Namespace) -> int:
    """Print the policy that the configuration needs, no more, or all of Vault's side."""
    # Neither the machine nor its token: they may be an operator's.
    settings = load(options.config, {**os.environ, **_NO_TOKEN})
    _refuse_patterns(settings)
    if options.setup:
        from freshkey.provisioning.setup import setup  # noqa: PLC0415 - for those who ask for it

        print(setup(settings), end="")
    else:
        print(hcl(needs(settings)), end="")
    return 0


def hcl(wanted: Iterable[Need]) -> str:
    """Write needs as a policy, a commented block each.

    Source: https://developer.hashicorp.com/vault/docs/concepts/policies#policy-syntax
    """
    return "\n".join(_blocks(wanted))


def _blocks(wanted: Iterable[Need]) -> Iterator[str]:
    told = False
    for need in wanted:
        if need.default and not told:
            told = True
            yield "# Vault's own policy `default` has all that follows: for tokens without it.\n"
        who = "" if need.default else f"{', '.join(need.places)}: "
        yield (
            f"# {who}{need.purpose}\n"
            f'path "{need.path}" {{\n  capabilities = ["{need.capability}"]\n}}\n'
        )


def _refuse_patterns(settings: Settings) -> None:
    for name, key in settings.keys.items():
        if found := _PATTERN.search(key.path):
            raise CommandError(
                f"keys.{name}.path {key.path}: a policy can't name it, for it takes "
                f"{found[0]} for a pattern: use another path",
                status=2,
            )
