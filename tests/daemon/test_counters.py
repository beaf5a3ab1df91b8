"""What is counted, and how it reads for Prometheus."""

from __future__ import annotations

from freshkey.core.model import events
from freshkey.core.model.actions import Exchange, Issue, Level, Publish, Record
from freshkey.core.model.actions import Test as Probe
from freshkey.core.model.faults import Fault, FaultKind, Operation
from freshkey.core.model.grants import Grant
from freshkey.core.model.secret import Secret
from freshkey.core.model.state import AgentState
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.core.model.view import Publication
from freshkey.daemon.counters import Counters, Histogram
from freshkey.daemon.metrics import metrics
from freshkey.gateway.record import Done
from freshkey.gateway.usage import Usage
from freshkey.serve.exposition import exposition
from freshkey.sockets.peers import Peer
from prometheus_client.parser import text_string_to_metric_families

from tests.core.scripts import policy
from tests.core.world import World

ISSUE = Issue("billing", 1, Secret("hvs.token"))
NAMES = {
    "freshkey_key_expires_seconds": "gauge",
    "freshkey_key_generation": "gauge",
    "freshkey_key_stale": "gauge",
    "freshkey_leases": "gauge",
    "freshkey_token_expires_seconds": "gauge",
    "freshkey_rotations": "counter",
    "freshkey_mints": "counter",
    "freshkey_mints_abandoned": "counter",
    "freshkey_revocations_pending": "gauge",
    "freshkey_faults": "counter",
    "freshkey_vault_request_seconds": "histogram",
    "freshkey_publish_seconds": "histogram",
    "freshkey_reads": "counter",
    "freshkey_hooks": "counter",
    "freshkey_gateway_requests": "counter",
    "freshkey_gateway_tokens": "counter",
    "freshkey_gateway_added_seconds": "histogram",
    "freshkey_log_dropped": "counter",
    "freshkey_build_info": "gauge",
}
"""As Prometheus's library names families: samples of counters end in `_total`."""


class Samples:
    """Every sample of the exposition."""

    def __init__(self, state: AgentState, counters: Counters) -> None:
        text = exposition(metrics(state, counters)).decode()
        self._found = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def of(self, name: str, **labels: str) -> float | None:
        return self._found.get((f"freshkey_{name}", frozenset(labels.items())))


def test_the_names_are_those_of_the_contract() -> None:
    text = exposition(metrics(AgentState(), Counters())).decode()
    found = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert found == NAMES
    assert all(family.documentation for family in text_string_to_metric_families(text))


def test_requests_to_the_gateway() -> None:
    counters = Counters()
    done = Done(Peer(1, 1000, 1000), "POST")
    counters.on_gateway(done)
    done.client, done.key, done.status = "agents", "billing", 200
    done.usage, done.added = Usage(7, 3), 0.002
    counters.on_gateway(done)
    counters.on_gateway(done)
    found = Samples(AgentState(), counters)
    assert found.of("gateway_requests_total", key="", client="", status="499") == 1
    assert found.of("gateway_requests_total", key="billing", client="agents", status="200") == 2
    tokens = {"key": "billing", "client": "agents"}
    assert found.of("gateway_tokens_total", **tokens, direction="input") == 14
    assert found.of("gateway_tokens_total", **tokens, direction="output") == 6
    assert found.of("gateway_added_seconds_count") == 2


def test_the_state_of_keys_and_token() -> None:
    world = World(policy("billing", "search")).start().run(10)
    found = Samples(world.state, Counters())
    assert found.of("key_generation", key="billing") == 1
    assert found.of("key_stale", key="search") == 0
    assert found.of("leases", key="billing") == 1
    assert found.of("key_expires_seconds", key="billing") is not None
    assert found.of("revocations_pending") == 0
    assert found.of("mints_abandoned_total") == 0


def test_a_key_without_a_lease_has_no_expiry() -> None:
    world = World(policy("billing")).start()
    found = Samples(world.state, Counters())
    assert found.of("key_expires_seconds", key="billing") is None
    assert found.of("token_expires_seconds") is None
    assert found.of("key_generation", key="billing") == 0


def test_answers_are_counted_by_what_they_mean() -> None:
    counters = Counters()
    refused = Fault(FaultKind.FORBIDDEN, "no")
    grant = Grant("a/b/c", 60.0, renewable=True, secret=Secret("sk-1"), asked_at=0.0)
    counters.on_answer(ISSUE, events.Issued(ISSUE, grant))
    counters.on_answer(ISSUE, events.Failed(ISSUE, refused))
    counters.on_answer(ISSUE, events.Failed(ISSUE, refused))
    probe = Probe("billing", "a/b/c", Secret("sk-1"))
    counters.on_answer(probe, events.Tested(probe, Finding(Verdict.REFUSED, "401")))
    counters.on_answer(probe, events.Tested(probe, Finding(Verdict.GOOD, "200")))
    publish = Publish("billing", Publication(1, Secret("sk-1"), None))
    counters.on_answer(publish, events.Published(publish, (Fault(FaultKind.OUTPUT, "disk full"),)))
    for reason in ("first", "due", "due"):
        fields = (("key", "billing"), ("reason", reason))
        counters.on_record(Record(Level.INFO, "key.published", fields, audit=True))
    counters.on_record(Record(Level.INFO, "key.minted", (("key", "billing"),)))
    counters.on_read("billing", "get", "served")
    counters.on_read("", "get", "unknown_key")
    counters.expect_hooks("billing")
    counters.on_hook("billing", "done")
    exchange = Exchange("search", 0, None)
    counters.on_answer(exchange, events.Exchanged(exchange, grant))
    counters.on_answer(exchange, events.Failed(exchange, refused))
    found = Samples(AgentState(), counters)
    assert found.of("mints_total", key="search", outcome="ok") == 1
    assert found.of("mints_total", key="search", outcome="forbidden") == 1
    assert found.of("mints_total", key="billing", outcome="ok") == 1
    assert found.of("mints_total", key="billing", outcome="forbidden") == 2
    assert found.of("faults_total", operation="mint", fault="forbidden") == 2
    assert found.of("faults_total", operation="test", fault="refused") == 1
    assert found.of("faults_total", operation="publish", fault="output") == 1
    assert found.of("rotations_total", key="billing", reason="due") == 2
    assert found.of("reads_total", key="billing", via="get", outcome="served") == 1
    assert found.of("reads_total", key="", via="get", outcome="unknown_key") == 1
    assert found.of("hooks_total", key="billing", outcome="done") == 1
    assert found.of("hooks_total", key="billing", outcome="failed") == 0


def test_a_histogram_adds_up() -> None:
    counters = Counters()
    for seconds in (0.004, 0.03, 0.05, 2.0, 100.0):
        counters.on_vault_request(Operation.MINT, seconds)
    found = Samples(AgentState(), counters)
    bounds = ("0.01", "0.025", "0.05", "2.5", "60.0", "+Inf")
    name = "vault_request_seconds"
    buckets = [found.of(f"{name}_bucket", operation="mint", le=bound) for bound in bounds]
    assert buckets == [1, 1, 3, 4, 4, 5]
    assert found.of(f"{name}_count", operation="mint") == 5
    assert round(found.of(f"{name}_sum", operation="mint") or 0, 3) == 102.084


def test_a_value_on_a_bound_is_below_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (1.0, 2.0, 2.1):
        histogram.observe(value)
    assert histogram.counts == [1, 1, 1]
