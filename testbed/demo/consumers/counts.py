"""What an application reports."""

from dataclasses import dataclass
from typing import Literal

FailureKind = Literal["refused", "failed"]
"""How a request failed: with a 401, or in any other way."""


@dataclass
class Counts:
    """Requests by outcome: answered, refused with a 401, or failed in any other way."""

    served: int = 0
    refused: int = 0
    failed: int = 0
    last_error: str = ""


@dataclass(frozen=True)
class RequestFailure:
    """A request that was not served; `at` is CLOCK_MONOTONIC, which all processes share."""

    at: float
    kind: FailureKind
