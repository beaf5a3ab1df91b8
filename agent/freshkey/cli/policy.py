"""`freshkey policy`: what Vault has to give this configuration, and how an operator sets it up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from freshkey.cli.failure import CommandError
from freshkey.cli.output import print_utf8, shown
from freshkey.provisioning.needs import needs
from freshkey.provisioning.policy import hcl, pattern_in
from freshkey.provisioning.setup import setup
from freshkey.settings import load

if TYPE_CHECKING:
    from argparse import Namespace

    from freshkey.settings.model import Settings

_NO_TOKEN: Final = {"VAULT_TOKEN": "none"}


def policy(options: Namespace) -> int:
    """Print the policy that the configuration needs, no more, or all of Vault's side."""
    # Neither the machine nor its token: they may be an operator's.
    settings = load(options.config, {**os.environ, **_NO_TOKEN})
    _refuse_patterns(settings)
    if options.setup:
        print_utf8(setup(settings))
    else:
        print_utf8(hcl(needs(settings)) or "# No key needs Vault.\n")
    return 0


def _refuse_patterns(settings: Settings) -> None:
    for name, key in settings.keys.items():
        role = key.federation.vault_oidc_role if key.federation else None
        path, option = (key.path, "path") if role is None else (role, "federation.vault_oidc_role")
        if found := pattern_in(path):
            raise CommandError(
                f"keys.{name}.{option} {shown(path)}: a policy can't name it, because it takes "
                f"{found} for a pattern: use another path",
                status=2,
            )
