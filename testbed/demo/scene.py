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
NEW_KEY_WITHIN: Final = 5
PATIENCE: Final = 5
"""Seconds, all four. The last one: beyond a bound, to tell what is late from what never comes."""

TRIES: Final = 3

NEW_FOR: Final = 3
"""Seconds for which a key counts as new: its next check is then nearly as far as it can be."""


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
        """See to it that the lease of the key has just begun, and lasts so many seconds."""
        old = self.agent.shown()
        if old and lease == self._role_ttl and old.expires_in >= lease - NEW_FOR:
            return
        self.vault.write_role(MOUNT, KEY, ttl=lease, max_ttl=MAX_TTL)
        self._role_ttl = lease
        for _ in range(TRIES):  # a mint under way may still be for the lease before
            self.agent.rotate()
            if self.wait_for(lambda: self._is_new(old, lease), self.now() + NEW_KEY_WITHIN):
                return
        raise DemoError(f"no new key, although {TRIES} were asked for")

    def _is_new(self, old: Shown | None, lease: int) -> bool:
        shown = self.agent.shown()
        if shown is None or (old is not None and shown.tag == old.tag):
            return False
        return lease - NEW_FOR <= shown.expires_in <= lease

    def in_file(self, key: str = KEY) -> str:
        """Return the fingerprint of the key in the file, nothing when there is no file."""
        try:
            content = self.agent.key_file(key).read_bytes()
        except FileNotFoundError:
            return ""
        return sha256(content).hexdigest()[:8]

    def replaced(self, old: str, key: str = KEY) -> bool:
        """Whether the file has another key than that of this fingerprint, one that works."""
        found = self.in_file(key)
        return found != old and found in self._accounts()

    def _accounts(self) -> dict[str, str]:
        """Map the fingerprints of the keys that OpenAI accepts to their accounts."""
        return {each["fingerprint"]: each["account_id"] for each in self.openai.state()["live"]}

    def delete_account(self, fingerprint: str) -> None:
        """Delete the account of a key at OpenAI; DemoError when there is none to delete."""
        account = self._accounts().get(fingerprint)
        if account is None:
            raise DemoError("the key in the file is not one that OpenAI knows")
        self.openai.delete_account(account)

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
