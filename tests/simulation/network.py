"""How requests of the agent fare on their way to the models, and how answers fare on theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.simulation.histories import WINDOWS, Kind, NodeFault
from tests.simulation.http import HttpAnswer, HttpRequest
from tests.simulation.vault_api import refusal, throttled

if TYPE_CHECKING:
    from tests.simulation.histories import Incident
    from tests.simulation.world import World

CREDS: Final = "/v1/openai/creds/"
_BY_VAULT: Final = (Kind.VAULT_FAILING, Kind.VAULT_GATEWAY, Kind.VAULT_THROTTLED)
_ON_ITS_WAY: Final = 5.0  # seconds
_GATEWAY_PAGE: Final = HttpAnswer(502, None, content_type="text/html")

_FORBIDDEN: Final = (
    frozenset({"openai/creds/"}),
    frozenset({"auth/token/renew-self"}),
    frozenset({"sys/leases/lookup", "sys/leases/renew"}),
    frozenset({"identity/oidc/token/"}),
)
_OF_MODELS: Final = {
    Kind.OPENAI_UNAVAILABLE: "unavailable",
    Kind.OPENAI_LIMITED: "rate_limited",
    Kind.OPENAI_FORBIDS: "missing_scopes",
}
_OF_EXCHANGE: Final = (400, 401, 403, 429)
_TELLS_AN_END: Final = frozenset(
    {
        *("auth/token/lookup-self", "auth/token/renew-self"),
        *("sys/leases/lookup", "sys/leases/renew"),
    }
)


class Network:
    """Between one agent and the models; `node` is the one of Vault's that is asked."""

    def __init__(self, world: World, node: int = 0) -> None:
        self._world = world
        self._node = node

    def _down(self, fault: NodeFault) -> Incident | None:
        return self._world.history.down(self._node, fault, self._world.elapsed)

    def latency(self) -> float:
        """Draw the seconds that a message takes on its way."""
        return self._world.history.latency * (0.5 + self._world.random.random())

    def is_refusing(self) -> bool:
        """Whether nothing listens at Vault's address."""
        refused = self._world.window(Kind.VAULT_REFUSED) or self._down(NodeFault.REFUSED)
        return refused is not None

    def thaws_in(self) -> float:
        """Return the seconds for which Vault reads nothing of what is sent to it."""
        frozen = self._world.window(Kind.VAULT_FROZEN) or self._down(NodeFault.FROZEN)
        return 0.0 if frozen is None else frozen.at + frozen.seconds - self._world.elapsed

    def loses_answers(self) -> bool:
        """Whether connections break before their answers are whole."""
        return self._world.window(Kind.VAULT_LOST) is not None

    def garbles_answers(self) -> bool:
        """Whether something puts its own words in the place of Vault's."""
        return self._world.window(Kind.VAULT_GARBLED) is not None

    def slowness(self) -> float:
        """Return the seconds that Vault takes more for an answer."""
        slow = self._world.window(Kind.VAULT_SLOW)
        return 0.0 if slow is None else float(slow.number)

    def ask_vault(self, request: HttpRequest, late: float) -> HttpAnswer:
        """Have Vault, or what stands before it, answer what was sent `late` seconds ago."""
        world = self._world
        sealed = world.window(Kind.VAULT_SEALED) or self._down(NodeFault.SEALED)
        world.api.sealed = sealed is not None
        forbidden = world.window(Kind.FORBIDDEN)
        world.api.forbidden = frozenset() if forbidden is None else _FORBIDDEN[forbidden.number]
        set_openai(world)
        match window := world.window(*_BY_VAULT):
            case None:
                answer = world.api.answer(request, world.now)
            case _ if window.kind is Kind.VAULT_GATEWAY:
                answer = _GATEWAY_PAGE
            case _ if window.kind is Kind.VAULT_THROTTLED:
                answer = throttled(request.path, window.number)
            case _:
                answer = refusal(500, "internal error")
        if request.path.removeprefix("/v1/") in _TELLS_AN_END and not self._is_disturbed():
            world.vault.tell_end(request.token, request.body.get("lease_id"), late)
        world.changed()
        return answer

    def _is_disturbed(self) -> bool:
        """Whether an answer may not arrive, or is on its way when something begins."""
        elapsed = self._world.elapsed
        return any(
            one.at - _ON_ITS_WAY <= elapsed < one.at + one.seconds
            for one in self._world.history.incidents
            if one.kind in WINDOWS or one.kind is Kind.SUSPENDED
        )

    def hung_up(self, request: HttpRequest) -> None:
        """Let Vault go on with a request whose client is gone: nobody hears of the outcome.

        A mint may have been dropped, have left a key that no lease ends, or a lease.
        """
        world = self._world
        if self.is_refusing():
            return
        minting = request.path.startswith(CREDS)
        chance = world.random.random() if minting else 0.0
        if self.thaws_in() and chance < 0.5:
            return
        before, tokens = len(world.openai.accounts), set(world.vault.tokens)
        self.ask_vault(request, 0.0)
        made = list(world.openai.accounts.values())[before:]
        if made and chance > 0.75:
            for account in made:
                del world.vault.leases[account.lease]
                account.lease = ""
        world.lost.update(account.id for account in made)
        world.lost_tokens |= world.vault.tokens.keys() - tokens


def set_openai(world: World) -> None:
    """Have OpenAI behave as the incidents of this moment say."""
    openai = world.openai
    limited, failing = world.window(Kind.UPSTREAM_LIMITED), world.window(Kind.UPSTREAM_FAILING)
    openai.organization_error = "rate_limited" if limited else "server_error" if failing else ""
    openai.deletion_error = "rate_limited" if world.window(Kind.DELETION_REFUSED) else ""
    openai.refuses_all = world.window(Kind.OPENAI_REFUSES_ALL) is not None
    slow = world.window(Kind.SLOW_ACTIVATION)
    openai.activation_delay = float(world.history.activation if slow is None else slow.number)
    errors = (name for kind, name in _OF_MODELS.items() if world.window(kind))
    openai.models_error = next(errors, "")
    refused = world.window(Kind.EXCHANGE_REFUSED)
    openai.exchange_error = 0 if refused is None else _OF_EXCHANGE[refused.number]


def parsed(method: str, target: str, token: str, body: object) -> HttpRequest:
    """Read what hvac's transport sends."""
    parts = urlsplit(target)
    given = body if isinstance(body, dict) else {}
    return HttpRequest(method, unquote(parts.path), dict(parse_qsl(parts.query)), token, given)
