"""Texts of others, made fit to be printed: one line, short, and without anything secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from freshkey.core.model.secret import MASK
from freshkey.logs.redact import redact_text

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 300
_SECRETS: Final = r"""(?xi)
      \bhv[sbr]\.[\w-]+              # Vault's tokens, https://developer.hashicorp.com/vault/docs/concepts/tokens
    | \b[sbr]\.[A-Za-z0-9]{20,}      # the same before Vault 1.10
    | \bsk-[\w*-]+                   # OpenAI's keys, also half masked
    | \beyJ[\w-]+\.[\w-]+\.[\w-]*    # JWTs
    | (?<=\bBearer\s)\S+
    """
_UUIDS: Final = r"(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"  # role-ids, secret-ids
_MULTIERROR: Final = r"\d+ errors? occurred:\s*\* "


def flat(texts: Iterable[str]) -> str:
    """Return the texts on one line, whole and unmasked: to be searched, and shown to nobody."""
    return " ".join(" ".join(texts).split())


def quote(texts: Iterable[str], *, ids: bool = False) -> str:
    """Return the texts on one line of at most `LONGEST` characters, secrets masked.

    By value too: these words go to stderr and to readers, past the log. And before they are cut,
    for half a secret is not recognised any more. With `ids` UUIDs stay, which secret-ids are, too.
    """
    joined = redact_text("; ".join(text.strip() for text in texts))
    line = " ".join("".join(c if c.isprintable() else " " for c in joined).split())
    # go-multierror's "2 errors occurred:\n\t* permission denied\n\t* invalid token"
    line = re.sub(_MULTIERROR, "", line).replace(" * ", "; ")
    line = re.sub(_SECRETS, MASK, line)
    line = line if ids else re.sub(_UUIDS, MASK, line)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
