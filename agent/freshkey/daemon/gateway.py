"""Runs the gateway under one configuration after the other, with the keys that are published."""

from __future__ import annotations

import json
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, final

import structlog
import trio

from freshkey.daemon.gateway_access import GatewayAccess
from freshkey.daemon.gateway_keys import GatewayKeys
from freshkey.gateway.configuration import Configuration
from freshkey.gateway.gateway import Gateway, identify
from freshkey.gateway.readiness import Readiness
from freshkey.gateway.refusals import no_room
from freshkey.gateway.runs import Runs
from freshkey.gateway.upstream import Upstream
from freshkey.sockets.endpoint import Endpoint
from freshkey.sockets.peers import Admission
from freshkey.sockets.server import Limits, ServerStop, serve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freshkey.daemon.counters import Counters
    from freshkey.gateway.clients import Client
    from freshkey.gateway.record import Done
    from freshkey.logs.audit import Audit
    from freshkey.settings.model import Settings
    from freshkey.sockets.endpoint import Listening

_REMEMBERED: Final = 512  # encoded parts of events
_BUSY: Final = no_room().encode(keep_alive=False)
_AT_REST: Final = 256  # connections beside those with a request, which clients keep for the next

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class GatewayServing:
    """Serves in the nursery `servers`; what is under way goes on over a reload."""

    def __init__(self, servers: trio.Nursery, counters: Counters, record: Audit) -> None:
        self._servers = servers
        self.keys = GatewayKeys()
        self._observer = GatewayObserver(counters, record)
        self._gateway: Gateway | None = None
        self._closing = trio.Event()
        self._runs = Runs()
        self._admission = Admission()
        self._readiness = Readiness(servers)

    def access(self, settings: Settings, clients: tuple[Client, ...]) -> GatewayAccess | None:
        """Return what the agent's socket tells of it; None when it is off."""
        wanted = settings.gateway
        return GatewayAccess(wanted, clients, self._runs) if wanted.is_on else None

    def expect_runs(self) -> None:
        """Know that the agent's socket hangs up on everybody: runs have some time to come back."""
        self._runs.expect()

    async def start(
        self,
        settings: Settings,
        clients: tuple[Client, ...],
        record: Audit,
        listeners: Sequence[Listening],
    ) -> ServerStop | None:
        """Serve, if it is on; return what ends that, but for those who are connected."""
        wanted = settings.gateway
        self._observer.record = record
        if not wanted.is_on:
            self.close()
            return None
        before = None if self._gateway is None else self._gateway.configuration.upstream
        if before is not None and before.url != wanted.upstream:
            before.close()
            before = None
        if wanted.tcp is not None and any(one.is_for_everybody for one in wanted.clients):
            message = "every user of this machine can use it: name users, or token files"
            log.warning("gateway.for_everybody", address=str(wanted.tcp), message=message)
        configuration = Configuration(
            clients=clients,
            runs=self._runs,
            keys=self.keys,
            upstream=before or Upstream(wanted.upstream),
            observer=self._observer,
            readiness=self._readiness,
            max_requests=wanted.max_requests,
            first_byte_timeout=wanted.first_byte_timeout,
        )
        if self._gateway is None:
            self._gateway = Gateway(configuration)
            self._closing = trio.Event()
            self._servers.start_soon(self._gateway.hang_ups.run)
            self._runs.expect()  # those of an agent before this one
        self._gateway.configuration = configuration
        connections = wanted.max_requests + _AT_REST
        stop = ServerStop(self._closing)
        endpoints = [
            Endpoint(listener, self._gateway.attend, _BUSY, identify=identify)
            for listener in listeners
        ]
        limits = Limits(connections, connections // 2)  # one user leaves room for others
        serving = partial(
            serve, endpoints, limits, commit=lambda: None, stop=stop, admission=self._admission
        )
        await self._servers.start(serving)
        log.info("gateway.listening", at=[str(one.path) for one in listeners])
        return stop

    def close(self) -> None:
        """Have all connections come to their end."""
        if self._gateway is not None:
            self._gateway.hang_ups.stop()
            self._closing.set()
            self._gateway.configuration.upstream.close()
            self._gateway = None


@final
class GatewayObserver:
    """Records and counts what becomes of requests; `record` is that of the configuration now."""

    def __init__(self, counters: Counters, record: Audit) -> None:
        self.record = record
        self._counters = counters
        self._part = lru_cache(_REMEMBERED)(self._encode)

    def on_done(self, done: Done) -> None:
        """Take a request that has ended."""
        self._counters.on_gateway(done)
        usage = done.usage
        peer = done.peer
        counts = {
            "status": done.status,
            "code": done.code,
            "bytes_received": done.bytes_received,
            "bytes_sent": done.bytes_sent,
            "seconds": round(done.seconds, 6),
            "input_tokens": None if usage is None else usage.input,
            "output_tokens": None if usage is None else usage.output,
        }
        self.record.read(
            "gateway.request",
            self._part(("client", done.client), ("key", done.key), ("tag", done.tag)),
            self._part(("method", done.method), ("path", done.path), ("model", done.model)),
            self.record.part(x_request_id=done.request_id),
            json.dumps(counts)[1:-1].encode(),  # which hide nothing
            self._part(
                ("pid", peer.pid),
                ("uid", peer.uid),
                ("executable", peer.executable),
                ("unit", peer.unit),
            ),
        )
        self.record.flush()

    def _encode(self, *fields: tuple[str, object]) -> bytes:
        return self.record.part(**dict(fields))
