"""What an application reports."""

from dataclasses import dataclass
from typing import Literal

MissKind = Literal["refused", "failed"]
"""Of a miss: a 401, or anything else that is no answer."""


@dataclass
class Counts:
    """Requests by outcome: answered, refused with a 401, or failed in any other way."""

    served: int = 0
    refused: int = 0
    failed: int = 0
    last_error: str = ""


@dataclass(frozen=True)
class Miss:
    """A request that was not served; `at` is CLOCK_MONOTONIC, which all processes share."""

    at: float
    kind: MissKind
