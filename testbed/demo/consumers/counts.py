"""What an application reports."""

from dataclasses import dataclass


@dataclass
class Counts:
    """Requests by outcome: answered, refused with a 401, or failed in any other way."""

    served: int = 0
    refused: int = 0
    failed: int = 0
    last_error: str = ""
