"""All that the agent knows, immutable. What of it has to survive a restart goes to the journal.

Instants are seconds on the lease clock, durations are seconds; `inf` is "never".
"""

from __future__ import annotations

from enum import StrEnum
from math import inf

from freshkey.core.model.faults import Fault, Trouble
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import Struct, field
from freshkey.core.model.token import Tokens
from freshkey.core.model.verdict import Verdict

NO_TOKEN = 0  # tokens are numbered from 1


class Reason(StrEnum):
    """Why a key is replaced, as metrics and logs name it."""

    FIRST = "first"
    DUE = "due"
    REVOKED = "revoked"
    REFUSED = "refused"
    REPORTED = "reported"
    TOKEN = "token"
    REQUESTED = "requested"
    CHANGED = "changed"


class Names(Struct, frozen=True):
    """What auditors know a key by: the tag that it has, or would have; its ids at OpenAI."""

    tag: str | None = None
    api_key_id: str | None = None
    service_account: str | None = None


class Lease(Struct, frozen=True):
    """Vault's grant. `token` is the number of the token under which it lives and dies.

    A secret without a lease has one too, which Vault knows nothing of: `token` is 0, the terms
    are `inf`, `id` is the secret's fingerprint, and `started_at` is when it was last read. So has
    an access token of OpenAI's, which ends.

    `term` is the duration granted first, which a renewal asks for again; `draw` places the
    lease's point in its window and is drawn once; `gone_at` is set when Vault no longer knows it.
    """

    id: str
    token: int
    term: float
    renewable: bool
    started_at: float
    expires_at: float
    draw: float
    gone_at: float = inf
    lag: float = 0.0  # Vault's answer took that long, so the lease may end that much later
    names: Names = Names()

    @property
    def static(self) -> bool:
        """Whether the secret has no lease: it stays as it is until somebody replaces it."""
        return not self.is_of_vault and self.expires_at == inf

    @property
    def exchanged(self) -> bool:
        """Whether it is an access token of OpenAI's: it ends by itself, and in no other way."""
        return not self.is_of_vault and self.expires_at < inf

    @property
    def is_of_vault(self) -> bool:
        """Whether Vault knows it: it can be looked up, and revoked."""
        return self.token != NO_TOKEN

    @property
    def vault_id(self) -> str | None:
        """The id by which Vault knows it."""
        return self.id if self.is_of_vault else None


class Credential(Struct, frozen=True):
    """A key with its lease."""

    lease: Lease
    secret: Secret


class Retired(Struct, frozen=True):
    """A lease that is no longer the published one.

    It is revoked at `revoke_at`, which is `inf` until its successor is published everywhere.
    """

    lease: Lease
    revoke_at: float
    hurried: bool = False  # compromised: it gets no overlap
    failures: int = 0
    uncertain: bool = False  # Vault refused the revocation: a lookup has to tell whether it lives


class Idle(Struct, frozen=True):
    """Nothing to replace."""


class Wanted(Struct, frozen=True):
    """A replacement waits for its turn in the mint budget, and for a token."""

    reason: Reason
    over_budget: bool = False  # told of


class Minting(Struct, frozen=True):
    """A mint is under way: in the journal this is the intent."""

    reason: Reason
    token: int
    at: float


class Refreshing(Struct, frozen=True):
    """A secret without a lease is read again: nothing is minted, nothing has to be journalled."""

    reason: Reason


class Exchanging(Struct, frozen=True):
    """An identity token is exchanged: that leaves nothing behind, and nothing is journalled."""

    reason: Reason


class Testing(Struct, frozen=True):
    """A new key is tested at OpenAI before it is published."""

    reason: Reason
    candidate: Credential
    since: float
    retry_at: float
    attempts: int = 0
    verdict: Verdict | None = None
    detail: str = "no test was answered"  # of the verdict


class BackingOff(Struct, frozen=True):
    """A replacement failed at `since` and is tried again at `until`."""

    reason: Reason
    since: float
    until: float
    fault: Fault
    refused_under: int = NO_TOKEN  # the token of a new key that OpenAI refused


Cycle = Idle | Wanted | Minting | Refreshing | Exchanging | Testing | BackingOff


class Call(StrEnum):
    """The request for a key that is under way: never more than one."""

    MINT = "mint"
    REFRESH = "refresh"
    EXCHANGE = "exchange"
    RENEW = "renew"
    LOOKUP = "lookup"
    REVOKE = "revoke"


class Watch(Struct, frozen=True):
    """What keeps an eye on the published key."""

    check_at: float = inf
    probe_at: float = inf
    probed_at: float = -inf
    refusals: int = 0
    claimed: bool = False  # a reader reported a 401, and nothing has settled it yet
    claim_minted_at: float = -inf
    check_failures: int = 0
    renew_at: float = -inf  # not before
    renew_failures: int = 0
    stale: bool = False


class KeyState(Struct, frozen=True):
    """One key: what is published, what replaces it, and what is still to be revoked."""

    name: str
    generation: int = 0
    published_at: float = -inf  # of the current generation
    current: Credential | None = None
    withdrawn: bool = False
    removed: bool = False  # not configured any more: only its leases are left to revoke
    compromised: bool = False  # the current key: no overlap for it
    outdated: bool = False  # the current key is of another source than the one configured now
    barred: str | None = None  # the fingerprint of a secret in Vault that must not come back
    confirmed: bool = False  # Vault has vouched for the current lease since this agent started
    publishing: bool = False
    reason: Reason = Reason.FIRST  # why the current generation was published
    announced: int = 0  # the generation that was told of
    written_until: float = -inf  # the end of the key as the files were last told of it
    rewrite_at: float = inf
    write_failures: int = 0
    cycle: Cycle = field(default_factory=lambda: Wanted(Reason.FIRST))
    failures: int = 0
    retired: tuple[Retired, ...] = ()
    call: Call | None = None
    probing: str | None = None  # the lease id whose key is at OpenAI for a test
    watch: Watch = field(default_factory=Watch)
    trouble: Trouble | None = None


class Link(Struct, frozen=True):
    """Whether Vault answers. While it does not, only pings go out."""

    away: bool = False
    ping_at: float = inf
    pinging: bool = False
    failures: int = 0
    failed_at: float = -inf
    pinged_at: float = -inf  # when a ping was last answered
    fault: Fault | None = None


class Stopping(Struct, frozen=True):
    """A stop was asked for.

    Mints under way are waited for until `grace_until`, all else until `end_by`, which is set when
    no mint is left. A pause for a reload waits as long for logins: what a credential has bought
    goes on to the next configuration.
    """

    grace_until: float
    end_by: float | None = None
    to_reload: bool = False


class AgentState(Struct, frozen=True):
    """Everything. `mints` are the instants of the mints that count against the budget.

    `abandoned` counts the mints that got no answer, since the journal began.
    """

    keys: tuple[KeyState, ...] = ()
    tokens: Tokens = field(default_factory=Tokens)
    link: Link = field(default_factory=Link)
    mints: tuple[float, ...] = ()
    abandoned: int = 0
    stopping: Stopping | None = None
