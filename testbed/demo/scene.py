"""What the acts of the story have at hand: the parts, and waits in which the view goes on."""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from testbed.demo.agent import KEY, Shown
from testbed.demo.errors import DemoError, Interrupted
from testbed.demo.figures import died, look
from testbed.demo.judgement import Refusal
from testbed.demo.stage import MAX_TTL, MOUNT, Stage
from testbed.demo.view import View

TICK: Final = 0.05
LOOK_EVERY: Final = 0.25
NEW_KEY_WITHIN: Final = 15
PATIENCE: Final = 10
"""Seconds, all four. The last one: beyond a bound, to tell what is late from what never comes."""

YOUNG: Final = 0.75
"""Of the lease: what a key that counts as new has left; it is replaced after half of it."""


class Scene:
    """Raises, in every wait, Interrupted once `stopping` is true and DemoError when a part died."""

    def __init__(
        self, parts: Stage, view: View, stopping: Callable[[], bool], role_ttl: int
    ) -> None:
        self.openai, self.vault, self.agent = parts.openai, parts.vault, parts.agent
        self._parts, self._view, self._stopping = parts, view, stopping
        self._role_ttl = role_ttl
        self._started = time.monotonic()
        self._look_at = 0.0

    @staticmethod
    def now() -> float:
        """Return the instant, on the clock that the readers use too."""
        return time.monotonic()

    def watch(self, until: float) -> None:
        """Look on until then."""
        self.wait_for(lambda: False, until)

    def wait_for(self, seen: Callable[[], bool], until: float) -> float | None:
        """Look on until it is seen; return when that was, None when it was not until then."""
        while True:
            self._look()
            if seen():
                return self.now()
            if self.now() >= until:
                return None
            time.sleep(TICK)

    def measure(self, seen: Callable[[], bool], event: float, bound: float) -> float | None:
        """Return after how many seconds it was seen; None when it wasn't, long after the bound."""
        at = self.wait_for(seen, event + bound + PATIENCE)
        return None if at is None else at - event

    def _look(self) -> None:
        if self._stopping():
            raise Interrupted("stopped before the end of the story")
        if dead := died(self._parts):
            raise DemoError(dead[0])
        if self.now() >= self._look_at:
            self._look_at = self.now() + LOOK_EVERY
            self._view.show(look(self._parts, self.now() - self._started))

    def have_new_key(self, lease: int) -> None:
        """See to it that the lease has just begun, and lasts so many seconds."""
        old = self.agent.shown()
        if old and lease == self._role_ttl and old.expires_in >= YOUNG * lease:
            return
        self.vault.write_role(MOUNT, KEY, ttl=lease, max_ttl=MAX_TTL)
        self._role_ttl = lease
        self.agent.rotate()
        if not self.wait_for(lambda: self._is_replaced(old), self.now() + NEW_KEY_WITHIN):
            raise DemoError(f"no new key within {NEW_KEY_WITHIN} s after one was asked for")

    def _is_replaced(self, old: Shown | None) -> bool:
        shown = self.agent.shown()
        return shown is not None and (old is None or shown.tag != old.tag)

    def in_file(self, key: str = KEY) -> str:
        """Return the fingerprint of the key in the file, nothing when there is no file."""
        try:
            content = self.agent.key_file(key).read_bytes()
        except FileNotFoundError:
            return ""
        return sha256(content).hexdigest()[:8]

    def works(self, fingerprint: str) -> bool:
        """Whether OpenAI takes the key of this fingerprint."""
        return any(each["fingerprint"] == fingerprint for each in self.openai.state()["live"])

    def file_works(self, key: str = KEY) -> bool:
        """Whether OpenAI takes the key in the file."""
        return self.works(self.in_file(key))

    def delete_account(self, key: str = KEY) -> None:
        """Delete, at OpenAI, the account of the key in the file."""
        found = self.in_file(key)
        for each in self.openai.state()["live"]:
            if each["fingerprint"] == found:
                self.openai.delete_account(each["account_id"])

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

    def refusals(self) -> list[Refusal]:
        """Return the requests of the agent's readers that were not served so far."""
        for consumer in self._parts.consumers:
            consumer.update()
        return refusals(self._parts)


def refusals(parts: Stage) -> list[Refusal]:
    """Return the requests that were not served, as the readers reported them last."""
    return [
        Refusal(miss.at, consumer.kind.name, miss.kind)
        for consumer in parts.consumers
        for miss in consumer.misses
    ]
