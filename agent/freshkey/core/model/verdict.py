"""What OpenAI says of a key."""

from __future__ import annotations

from enum import StrEnum

from freshkey.core.model.struct import Struct


class Verdict(StrEnum):
    """The outcome of a test."""

    GOOD = "good"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Finding(Struct, frozen=True):
    """A verdict with its reason: one line for a person, without secrets."""

    verdict: Verdict
    detail: str
