"""Secrets, made up, that must be nowhere but where they belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from freshkey.core.model.secret import Secret
from freshkey.logs.redact import add_secret

if TYPE_CHECKING:
    from collections.abc import Iterable

CANARY: Final = "sk-svcacct-canary-0123456789-abcdef"
OTHER: Final = "sk-svcacct-second-0123456789-abcdef"


def hidden_in(texts: Iterable[str], *secrets: str) -> None:
    """Check that texts are one line each, for a person, and have none of these secrets."""
    for text in texts:
        assert text.isprintable(), text
        for secret in secrets or (CANARY, OTHER):
            assert secret not in text, text


add_secret(Secret(CANARY))  # as the agent does with what it holds
