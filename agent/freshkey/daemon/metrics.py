"""What `GET /metrics` tells: the state as it is now, and what was counted."""

from __future__ import annotations

import sys
from math import inf
from typing import TYPE_CHECKING

from freshkey import __version__
from freshkey.core.keys import lifecycle, revocation
from freshkey.core.model.state import Reason
from freshkey.daemon.counters import DONE
from freshkey.host.clock import boot_time
from freshkey.logs.standard_error import stream
from freshkey.serve.exposition import HistogramMetric, Metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from freshkey.core.model.state import AgentState, KeyState
    from freshkey.daemon.counters import Counters, Histogram
    from freshkey.serve.exposition import Labels


def metrics(state: AgentState, counters: Counters) -> Iterator[Metric | HistogramMetric]:
    """List every metric; the labels are names of the configuration, and words of the contract."""
    yield from _of_keys(state)
    yield from _of_the_agent(state)
    yield from _counted(counters, [key.name for key in state.keys if not key.removed])
    build = ("version", "python")
    values: dict[Labels, float] = {(__version__, sys.version.partition(" ")[0]): 1.0}
    yield Metric("gauge", "freshkey_build_info", "Versions of agent and Python.", build, values)


def _of_keys(state: AgentState) -> Iterator[Metric]:
    keys = [key for key in state.keys if not key.removed]

    def gauge(name: str, help_: str, values: dict[Labels, float]) -> Metric:
        return Metric("gauge", f"freshkey_{name}", help_, ("key",), values)

    yield gauge(
        "key_expires_seconds",
        "Seconds until the published key ends, negative once past; none without a lease.",
        {(key.name,): left for key in keys if (left := _left(key, state)) is not None},
    )
    yield gauge(
        "key_generation",
        "How many keys were published, since the journal began.",
        {(key.name,): float(key.generation) for key in keys},
    )
    yield gauge(
        "key_stale",
        "1 if the key is past its end and still served.",
        {(key.name,): float(key.watch.stale) for key in keys},
    )
    yield gauge(
        "leases",
        "Leases that have not ended, as far as is known.",
        {(key.name,): float(lifecycle.leases(key)) for key in keys},
    )


def _left(key: KeyState, state: AgentState) -> float | None:
    out = lifecycle.view(key, state.tokens, state.link).publication
    return None if out is None or out.expires_at is None else out.expires_at - boot_time()


def _of_the_agent(state: AgentState) -> Iterator[Metric]:
    token = state.tokens.current
    end = inf if token is None else token.good_until
    yield Metric(
        "gauge",
        "freshkey_token_expires_seconds",
        "Seconds until the Vault token ends; none without a token, or if it has no end.",
        (),
        {} if end == inf else {(): end - boot_time()},
    )
    yield Metric(
        "counter",
        "freshkey_mints_abandoned",
        "Mints without an answer, which may have left a lease of unknown id.",
        (),
        {(): float(state.abandoned)},
    )
    pending = sum(revocation.pending(key, boot_time()) for key in state.keys)
    yield Metric(
        "gauge",
        "freshkey_revocations_pending",
        "Leases that are to be revoked, and that Vault has not taken over yet.",
        (),
        {(): float(pending)},
    )


def _counted(counters: Counters, keys: list[str]) -> Iterator[Metric | HistogramMetric]:
    def counter(name: str, help_: str, labels: Labels, values: Mapping[Labels, float]) -> Metric:
        return Metric("counter", f"freshkey_{name}", help_, labels, values)

    # With zeros: what is missing before it is 1 shows no increase.
    reasons: dict[Labels, float] = {(key, reason.value): 0.0 for key in keys for reason in Reason}
    rotations = {**reasons, **counters.rotations}
    yield counter("rotations", "Keys published, by why.", ("key", "reason"), rotations)
    started: dict[Labels, float] = {(key, DONE): 0.0 for key in keys}
    mints = {**started, **counters.mints}
    yield counter(
        "mints",
        "Mints, exchanges too, by their outcome: ok, or the fault.",
        ("key", "outcome"),
        mints,
    )
    yield counter("faults", "Faults of every kind.", ("operation", "fault"), counters.faults)
    yield HistogramMetric(
        "freshkey_vault_request_seconds",
        "How long requests to Vault took, answered or not.",
        ("operation",),
        {(name,): _of(found) for name, found in counters.vault_requests.items()},
    )
    yield HistogramMetric(
        "freshkey_publish_seconds",
        "How long it took to write the files of a key.",
        (),
        {(): _of(counters.publishes)},
    )
    yield counter(
        "reads",
        "Reads on the sockets; key is empty for a name that is not configured.",
        ("key", "via", "outcome"),
        counters.reads,
    )
    yield counter("hooks", "Hooks that ended.", ("key", "outcome"), counters.hooks)
    yield counter(
        "gateway_requests",
        "Requests to the gateway; key and client are empty if no entry was for the client.",
        ("key", "client", "status"),
        counters.gateway_requests,
    )
    yield counter(
        "gateway_tokens",
        "Tokens that OpenAI says it took and gave.",
        ("key", "client", "direction"),
        counters.gateway_tokens,
    )
    yield HistogramMetric(
        "freshkey_gateway_added_seconds",
        "What the gateway adds to the time until an answer begins.",
        (),
        {(): _of(counters.gateway_added)},
    )
    yield counter(
        "log_dropped",
        "Lines of the log that found no room.",
        (),
        {(): float(stream().dropped)},
    )


def _of(histogram: Histogram) -> tuple[tuple[float, ...], list[int], float]:
    return histogram.bounds, histogram.counts, histogram.sum
