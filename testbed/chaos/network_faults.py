"""What happens between the agent and Vault: toxiproxy's toxics, and a proxy that is down."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Final

from testbed.chaos.agent_run import AgentRun
from testbed.toxiproxy import Stream


@dataclass(frozen=True)
class Toxic:
    """One way to spoil a connection. https://github.com/Shopify/toxiproxy#toxics.

    `loses_answers` says that Vault does what is asked, and its answer never arrives.
    """

    description: str
    attributes: Mapping[str, int] = field(default_factory=dict)
    stream: Stream = "downstream"
    loses_answers: bool = False


TOXICS: Final[Mapping[str, Toxic]] = {
    "timeout": Toxic("no byte of an answer comes", {"timeout": 0}, loses_answers=True),
    "reset_peer": Toxic("every connection is reset", {"timeout": 0}, loses_answers=True),
    "bandwidth": Toxic("1 KB/s, so that an answer takes a second", {"rate": 1}),
    "slow_close": Toxic("connections close 5 s late", {"delay": 5000}),
    "slicer": Toxic(
        "10 bytes a second", {"average_size": 1, "size_variation": 0, "delay": 100_000}
    ),
    "limit_data": Toxic("half an answer, then the end", {"bytes": 300}, loses_answers=True),
    "latency": Toxic("answers come 3 s ± 2 s late", {"latency": 3000, "jitter": 2000}),
}


def poisoned(kind: str) -> Callable[[AgentRun], AbstractContextManager[None]]:
    """Return what applies a toxic meanwhile."""
    toxic = TOXICS[kind]
    return lambda agent_run: agent_run.site.network.toxic(
        kind, stream=toxic.stream, **toxic.attributes
    )


@contextmanager
def cut(agent_run: AgentRun) -> Iterator[None]:
    """Refuse connections meanwhile."""
    agent_run.site.network.cut()
    try:
        yield
    finally:
        agent_run.site.network.restore()
