"""Whether OpenAI's ids of a federated key are there yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.settings.faults import Finding
from freshkey.settings.keys import PROVIDER_PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.settings.model import Settings


def federation_findings(settings: Settings) -> Iterator[Finding]:
    """List what `freshkey init` wrote in place of an id, and nobody has replaced."""
    for name, key in settings.keys.items():
        federation = key.federation
        if federation and federation.identity_provider_id == PROVIDER_PLACEHOLDER:
            yield Finding(
                ("keys", name, "federation", "identity_provider_id"),
                "is still what `freshkey init` wrote: the commands of `freshkey policy --setup` "
                "end with OpenAI's id of the provider that they make",
            )
