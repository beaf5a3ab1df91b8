"""What test_contract.py asks: the models on one side, the real parts on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from testbed.emulator.errors import ErrorName
    from tests.simulation.http import HttpAnswer

TTL = 30


class Side(Protocol):
    """One of the two: asked alike, and set up alike."""

    def ask(
        self,
        method: str,
        path: str,
        token: str = "",
        query: Mapping[str, str] | None = None,
        **body: object,
    ) -> HttpAnswer:
        """Send a request."""

    def models(self, key: str) -> HttpAnswer:
        """GET /v1/models with a key."""

    def log_in(self) -> str:
        """Return a new token."""

    def trouble(self, name: ErrorName) -> None:
        """Have OpenAI's organization API fail."""

    def trouble_models(self, name: ErrorName) -> None:
        """Have the list of models fail."""

    def exchange(self, status: int = 200) -> HttpAnswer:
        """POST /oauth/token, so that the answer has this status."""

    def refuse_deletions(self) -> None:
        """Have OpenAI refuse deletions alone."""

    def forbid(self) -> None:
        """Take the path of the keys out of the policy."""

    def seal(self) -> None:
        """Seal Vault."""

    def throttle(self, token: str) -> HttpAnswer:
        """Ask Vault for keys more often than it allows, and return what it answers then."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""
