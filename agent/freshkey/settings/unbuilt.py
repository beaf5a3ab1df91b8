"""What this version parses and does not do yet: refused by name when used, never ignored.

Whoever builds it deletes its lines.
"""

from collections.abc import Iterator

from freshkey.settings.faults import Finding
from freshkey.settings.model import Settings


def unbuilt(settings: Settings) -> Iterator[Finding]:
    """List what is used of it."""
    if settings.server.health:
        yield Finding(("server", "health"), "is not done by this version yet: remove it")
