"""What happens between the agent and Vault: toxiproxy's toxics, and a proxy that is down."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from testbed.chaos.agent_run import AgentRun
from testbed.chaos.site import Site
from testbed.toxiproxy import Stream

Lost = Literal["answers", "requests"]
"""Vault does what is asked, and its answer never arrives; or it is never asked all of it."""


@dataclass(frozen=True)
class Toxic:
    """One way to spoil a connection. https://github.com/Shopify/toxiproxy#toxics."""

    kind: str
    description: str
    attributes: Mapping[str, int] = field(default_factory=dict)
    stream: Stream = "downstream"
    loses: Lost | None = None


TOXICS: Final[Mapping[str, Toxic]] = {
    "timeout": Toxic("timeout", "no byte of an answer comes", {"timeout": 0}, loses="answers"),
    "timeout-upstream": Toxic(
        "timeout", "no byte of a request arrives", {"timeout": 0}, "upstream", "requests"
    ),
    "reset-peer": Toxic("reset_peer", "every connection is reset", {"timeout": 0}, loses="answers"),
    "bandwidth": Toxic("bandwidth", "1 KB/s, so that an answer takes a second", {"rate": 1}),
    "slow-close": Toxic("slow_close", "connections close 5 s late", {"delay": 5000}),
    "slicer": Toxic(
        "slicer", "10 bytes a second", {"average_size": 1, "size_variation": 0, "delay": 100_000}
    ),
    "limit-data": Toxic(
        "limit_data", "half an answer, then the end", {"bytes": 300}, loses="answers"
    ),
    # The shortest request, the agent's for sys/health, has 150 bytes, and one for a key about 300.
    "limit-data-upstream": Toxic(
        "limit_data", "half a request, then the end", {"bytes": 100}, "upstream", "requests"
    ),
    "latency": Toxic("latency", "answers come 3 s ± 2 s late", {"latency": 3000, "jitter": 2000}),
}


def poisoned(name: str) -> Callable[[AgentRun], AbstractContextManager[None]]:
    """Return what applies a toxic meanwhile."""
    toxic = TOXICS[name]

    @contextmanager
    def poison(agent_run: AgentRun) -> Iterator[None]:
        site = agent_run.site
        with ExitStack() as stack:
            stack.enter_context(
                site.network.toxic(toxic.kind, stream=toxic.stream, **toxic.attributes)
            )
            if toxic.loses == "requests":
                stack.enter_context(_straight_to_vault(site))
            yield

    return poison


@contextmanager
def cut(agent_run: AgentRun) -> Iterator[None]:
    """Refuse connections meanwhile."""
    agent_run.site.network.cut()
    try:
        yield
    finally:
        agent_run.site.network.restore()


@contextmanager
def _straight_to_vault(site: Site) -> Iterator[None]:
    """Lead the network past what counts requests: that keeps one to itself until it is whole.

    This closes the connections that stand, at both ends of the block.
    """
    _lead(site, f"127.0.0.1:{site.servers.vault.port}")
    try:
        yield
    finally:
        _lead(site, site.to_vault.listen)


def _lead(site: Site, upstream: str) -> None:
    # The address goes along, or the server would take a new port.
    body = {"enabled": True, "listen": site.network.listen, "upstream": upstream}
    site.servers.toxiproxy.request("POST", f"proxies/{site.network.name}", body)
