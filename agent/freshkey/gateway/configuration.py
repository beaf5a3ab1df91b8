"""What the gateway serves its clients with, until a reload changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from freshkey.gateway.clients import Client
    from freshkey.gateway.keys import Keys
    from freshkey.gateway.readiness import Readiness
    from freshkey.gateway.record import Observer
    from freshkey.gateway.runs import Runs
    from freshkey.gateway.upstream import Upstream


class Configuration(NamedTuple):
    """`first_byte_timeout` is in seconds."""

    clients: tuple[Client, ...]
    runs: Runs
    keys: Keys
    upstream: Upstream
    observer: Observer
    readiness: Readiness
    max_requests: int
    first_byte_timeout: float
