"""What scenarios work with: the parts, and waits that keep the view up to date."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from testbed.demo.agent import KEY, PublishedKey
from testbed.demo.environment import MAX_TTL, MOUNT, Environment
from testbed.demo.errors import DemoError, Interrupted
from testbed.demo.evaluation import FailedRequest
from testbed.demo.measurements import dead_parts, take_measurements
from testbed.demo.scrapes import Scrapes
from testbed.demo.view import View

POLL_EVERY: Final = 0.05
REFRESH_EVERY: Final = 0.25
NEW_KEY_WITHIN: Final = 5
EXTRA_WAIT: Final = 5
"""Seconds, all four. The last one: beyond a bound, to tell what is late from what never comes."""

TRIES: Final = 3

NEW_FOR: Final = 3
"""Seconds for which a key counts as new: its next check is then nearly as far as it can be."""


class ScenarioContext:
    """Raises, in every wait, Interrupted once `stopping` is true and DemoError when a part died."""

    def __init__(
        self, environment: Environment, view: View, stopping: Callable[[], bool], role_ttl: int
    ) -> None:
        self.openai, self.vault = environment.openai, environment.vault
        self.agent = environment.agent
        self._environment, self._view, self._stopping = environment, view, stopping
        self._role_ttl = role_ttl
        self.scrapes = Scrapes()
        self.made_by_hand: set[str] = set()  # keys that no agent had OpenAI make
        self._started = time.monotonic()
        self._refresh_at = 0.0

    @staticmethod
    def now() -> float:
        """Return the instant, on the clock that the readers use too."""
        return time.monotonic()

    def keep_watching(self, until: float) -> None:
        """Wait until then."""
        self.wait_for(lambda: False, until)

    def wait_for(self, condition: Callable[[], bool], until: float) -> float | None:
        """Wait until the condition is true; return when that was, None if `until` came first."""
        while True:
            self._refresh()
            if condition():
                return self.now()
            if self.now() >= until:
                return None
            time.sleep(POLL_EVERY)

    def measure_delay(
        self, condition: Callable[[], bool], event: float, bound: float
    ) -> float | None:
        """Return the seconds from the event to the condition; None if it never came."""
        at = self.wait_for(condition, event + bound + EXTRA_WAIT)
        return None if at is None else at - event

    def _refresh(self) -> None:
        if self._stopping():
            raise Interrupted("stopped before the end of the story")
        if messages := dead_parts(self._environment):
            raise DemoError(messages[0])
        if self.now() >= self._refresh_at:
            self._refresh_at = self.now() + REFRESH_EVERY
            self._view.show(take_measurements(self._environment, self.now() - self._started))
            self.scrapes.take(self.agent)

    def ensure_new_key(self, lease: int) -> None:
        """Make sure that the lease of the key has just begun, and lasts `lease` seconds."""
        old = self.agent.published_key()
        if old and lease == self._role_ttl and (old.expires_in or 0) >= lease - NEW_FOR:
            return
        self.vault.write_role(MOUNT, KEY, ttl=lease, max_ttl=MAX_TTL)
        self._role_ttl = lease
        for _ in range(TRIES):  # a mint under way may still be for the lease before
            self.agent.rotate()
            if self.wait_for(lambda: self._is_new(old, lease), self.now() + NEW_KEY_WITHIN):
                return
        raise DemoError(f"no new key, although {TRIES} were asked for")

    def _is_new(self, old: PublishedKey | None, lease: int) -> bool:
        published_key = self.agent.published_key()
        if published_key is None or (old is not None and published_key.tag == old.tag):
            return False
        return lease - NEW_FOR <= (published_key.expires_in or 0) <= lease

    def key_in_file(self, key: str = KEY) -> str:
        """Return the fingerprint of the key in the file, nothing when there is no file."""
        try:
            content = self.agent.key_file(key).read_bytes()
        except FileNotFoundError:
            return ""
        return sha256(content).hexdigest()[:8]

    def is_replaced(self, old: str, key: str = KEY) -> bool:
        """Whether the file has another key than that of this fingerprint, one that works."""
        found = self.key_in_file(key)
        return found != old and found in self._accounts()

    def _accounts(self) -> dict[str, str]:
        """Map the fingerprints of the keys that OpenAI accepts to their accounts."""
        state = self.openai.state()
        keys = [(key["fingerprint"], key["account_id"]) for key in state["live"]]
        tokens = [(one["fingerprint"], one["account_id"]) for one in state["access_tokens"]]
        return dict([*keys, *tokens])

    def delete_account(self, fingerprint: str) -> None:
        """Delete the account of a key at OpenAI; DemoError when there is none to delete."""
        account = self._accounts().get(fingerprint)
        if account is None:
            raise DemoError("the key in the file is not one that OpenAI knows")
        self.openai.delete_account(account)

    def is_made_by_hand(self, account_id: str) -> None:
        """Remember that the key of an account is a person's."""
        live = self.openai.state()["live"]
        self.made_by_hand |= {key["key_id"] for key in live if key["account_id"] == account_id}

    def revoke_lease(self) -> None:
        """Revoke, as somebody else would, the lease of the published key."""
        self.agent.events.update()
        lease = self.agent.events.lease_id
        self.vault.request("PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})

    def mints(self) -> int:
        """Return how many keys were minted so far."""
        return self.openai.state()["overall"]["mints"]

    def refused_mints(self) -> int:
        """Return how many mints OpenAI has refused for its limit so far."""
        return self.openai.state()["answers"].get("service_account.create", {}).get("429", 0)

    def failed_requests(self) -> list[FailedRequest]:
        """Return the requests of the agent's readers that were not served so far."""
        for consumer in self._environment.consumers:
            consumer.update()
        return failed_requests(self._environment)


def failed_requests(environment: Environment) -> list[FailedRequest]:
    """Return the requests that were not served, as the readers reported them last."""
    return [
        FailedRequest(failure.at, consumer.kind.name, failure.kind)
        for consumer in environment.consumers
        for failure in consumer.failures
    ]
