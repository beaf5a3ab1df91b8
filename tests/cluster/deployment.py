"""An agent in front of the cluster, with an engine, a role, and a login of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from testbed.cluster import Cluster
from testbed.emulator.process import OpenAIServer
from testbed.recording_proxy import RecordingProxy
from tests.agent.harness import Agent, eventually
from tests.cluster import audits
from tests.cluster.reader import Reader
from tests.cluster.results import Result, Results

if TYPE_CHECKING:
    from collections.abc import Iterator


OVERLAP = 2.0
BACKOFF = 60.0  # its cap: the longest wait for the next try
WITHDRAWN_AFTER = 1.0  # seconds between two refused probes, by the contract
# A key that needs Vault finds its return within 5 s; then comes a mint.
RECOVERY_BOUND = 5.0 + 5.0
_ONSET = 10  # tries until full jitter, doubling from a second, has reached its cap
_CALL_EVERY = 7.5  # on average at the cap, the calls of a lost mint included
_PING_EVERY = 2.0


def call_bound(seconds: float, nodes: int = 1) -> int:
    """The most requests during a fault: see tests/core/pacing/test_call_rate.py."""
    return round((_ONSET + seconds / _CALL_EVERY + seconds / _PING_EVERY) * nodes)


@dataclass
class Deployment:
    """`endpoints` are all that the agent knows of Vault."""

    cluster: Cluster
    openai: OpenAIServer
    results: Results
    mount: str
    project_id: str
    role_id: str
    agent: Agent
    endpoints: Sequence[RecordingProxy]
    orphans: int = 0  # keys at OpenAI that Vault was made to forget
    fault_began: float = 0.0
    fault_ended: float = 0.0
    _reader: Reader | None = field(default=None, repr=False)

    @property
    def path(self) -> str:
        return f"{self.mount}/creds/billing"

    def write_role(self, ttl: str, max_ttl: str = "24h", *, renewable: bool = False) -> None:
        terms = {"ttl": ttl, "max_ttl": max_ttl, "renewable": renewable}
        vault = self.cluster.active
        vault.write_role(self.mount, "billing", project_id=self.project_id, **terms)

    def rotate(self) -> None:
        assert self.agent.post("/v1/keys/billing/rotate") == 202

    def wait_for_another(self, tag: str) -> dict[str, Any]:
        """Wait for a key with another tag, for as long as a backoff may last."""
        return self.agent.wait_for_key(other_than=tag, seconds=BACKOFF)

    @contextmanager
    def fault(self) -> Iterator[None]:
        """What happens within the block is the fault; a replacement is asked for within it."""
        self.fault_began = time.monotonic()
        yield
        self.fault_ended = time.monotonic()

    def wait_during_fault(self, seconds: float) -> None:
        """Let the fault last: what is shown is what happens, or does not, while it does."""
        time.sleep(seconds)

    @contextmanager
    def reading(self) -> Iterator[Reader]:
        """A reader polls the key file within the block; it finds a key there at any time.

        Only a dead key whose replacement takes more than a second, as on a busy machine, is
        withdrawn meanwhile (behaviour 7), and that is on record.
        """
        self.agent.start()
        self.agent.wait_for_key()
        with Reader(self.agent.key_file, self.openai.port) as reader:
            self._reader = reader
            yield reader
        assert reader.polls > reader.seconds / 0.2, "a poll every 20 ms, and a request each"
        if reader.missing:
            assert any(r["event"] == "key.withdrawn" for r in self.audit_records())
            assert reader.refused_for > WITHDRAWN_AFTER / 2, "from one refused probe to the next"

    def requests(self) -> int:
        """The requests that came during the fault."""
        started = self.fault_began
        requests = [r for proxy in self.endpoints for r in proxy.requests_since(started)]
        return sum(request.at < self.fault_ended for request in requests)

    def check_recovery(self, scenario: str, *, refused: int = 0, within: float = BACKOFF) -> None:
        """Wait for the steady state, and note how that went; `refused` keys at most may be bad."""
        assert self._reader is not None
        eventually(lambda: not self.deviation(), "the steady state", within)
        result = Result(
            scenario=scenario,
            lasted=self.fault_ended - self.fault_began,
            refused=len(self._reader.refusals),
            refused_at_most=refused,
            refused_for=self._reader.refused_for,
            steady_after=time.monotonic() - self.fault_ended,
            requests=self.requests(),
            requests_at_most=call_bound(self.fault_ended - self.fault_began, len(self.endpoints)),
        )
        print(result)
        assert result.refused <= refused, result
        assert result.steady_after <= within, result
        assert result.requests <= result.requests_at_most, result
        audits.check(self)
        self.results.add(result)

    def deviation(self) -> str:
        """Say what is not as it is in the steady state; empty when all is."""
        status = self.agent.status()
        found = {name: status[name] for name in ("state", "leases", "last_fault")}
        found |= {"fault": status["vault"]["fault"], "pending": status["pending_revocations"]}
        steady = {"state": "fresh", "leases": 1, "last_fault": None, "fault": None, "pending": 0}
        if found != steady:
            return str(found)
        ledger = json.loads(self.agent.journal.read_text())["ledger"]
        if ledger["retired_tokens"] or not ledger["token"]:
            return "not one token in the journal"
        (key,) = ledger["keys"]
        if key["requested"] or key["intent"] is not None or key["candidate"] is not None:
            return "a replacement is under way"
        if len(self.live_keys()) != 1 + self.orphans:
            return "not one key at OpenAI"
        tokens = self.tokens()
        return "" if tokens == 1 else f"{tokens} tokens in Vault"

    def entity(self) -> str:
        """Return the id of the entity that Vault has for this agent's AppRole."""
        vault = self.cluster.active
        mount = vault.request("GET", f"sys/auth/{self.mount}")["data"]["accessor"]
        fields = {"alias_name": self.role_id, "alias_mount_accessor": mount}
        found: str = vault.request("POST", "identity/lookup/entity", fields)["data"]["id"]
        return found

    def live_keys(self) -> set[str]:
        keys = self.openai.state()["live"]
        return {key["fingerprint"] for key in keys if key["project_id"] == self.project_id}

    def tokens(self) -> int:
        """Count the tokens in Vault that this agent logged in for."""
        vault = self.cluster.active
        accessors = vault.request("LIST", "auth/token/accessors")["data"]["keys"]
        found = 0
        for accessor in accessors:
            data = vault.request("POST", "auth/token/lookup-accessor", {"accessor": accessor})
            found += data["data"]["path"] == f"auth/{self.mount}/login"
        return found

    def audit_records(self) -> list[dict[str, Any]]:
        """What the agent told auditors."""
        file = self.agent.directory / "audit.log"
        return [json.loads(line) for line in file.read_text().splitlines()]


def configuration(deployment: Deployment, addresses: Sequence[str], **options: str) -> str:
    """Return a configuration with one key, `billing`; `options` are TOML values of that key."""
    lines = "\n".join(f"{name} = {value}" for name, value in options.items())
    return f"""
[vault]
address = "{addresses[0]}"
addresses = {json.dumps([*addresses])}
timeout = "8s"
max_mints_per_minute = 0
[auth]
mount = "{deployment.mount}"
role_id = "{deployment.role_id}"
secret_id_file = "secret_id"
[state]
directory = "state"
[server]
socket = "freshkey.sock"
[log]
audit_file = "audit.log"
[keys.billing]
path = "{deployment.path}"
overlap = "{OVERLAP:g}s"
{lines}
[keys.billing.verify]
base_url = "{deployment.openai.base_url}"
activation_timeout = "5s"
[[keys.billing.files]]
path = "keys/billing"
"""
