"""Counters: mints, deletions, and live keys by group; requests by key and by endpoint."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from testbed.emulator.endpoints import Endpoint
from testbed.emulator.records import ServiceAccount

Outcome = Literal["ok", "refused", "error"]
"""What became of a request on the data plane: 2xx, 401, anything else."""


@dataclass(slots=True)
class AccountCounts:
    """What happened in one group of accounts, and the most keys it ever had alive at once."""

    mints: int = 0
    deletions: int = 0
    high_water: int = 0


@dataclass(slots=True)
class AccountCounters:
    """Counts over all, for each project, and for each prefix of account names."""

    overall: AccountCounts = field(default_factory=AccountCounts)
    projects: defaultdict[str, AccountCounts] = field(
        default_factory=lambda: defaultdict(AccountCounts)
    )
    prefixes: defaultdict[str, AccountCounts] = field(
        default_factory=lambda: defaultdict(AccountCounts)
    )

    def count_mint(self, account: ServiceAccount, live: Sequence[ServiceAccount]) -> None:
        """Count a new account, which is among the live ones.

        Only a mint raises the number of live keys, so the high-water mark is taken here.
        """
        for counts, size in (
            (self.overall, len(live)),
            (self.projects[account.project_id], _same(live, "project_id", account)),
            (self.prefixes[account.name_prefix], _same(live, "name_prefix", account)),
        ):
            counts.mints += 1
            counts.high_water = max(counts.high_water, size)

    def count_deletion(self, account: ServiceAccount) -> None:
        """Count the end of an account."""
        self.overall.deletions += 1
        self.projects[account.project_id].deletions += 1
        self.prefixes[account.name_prefix].deletions += 1


def _same(
    live: Iterable[ServiceAccount],
    field_name: Literal["project_id", "name_prefix"],
    account: ServiceAccount,
) -> int:
    wanted = getattr(account, field_name)
    return sum(getattr(other, field_name) == wanted for other in live)


@dataclass(slots=True)
class RequestCounters:
    """Requests of the data plane by the key's fingerprint, and all answers by endpoint."""

    requests: defaultdict[str, Counter[Outcome]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    answers: defaultdict[Endpoint, Counter[int]] = field(
        default_factory=lambda: defaultdict(Counter)
    )
    lost: Counter[Endpoint] = field(default_factory=Counter)

    def count_answer(self, endpoint: Endpoint, status: int) -> None:
        """Count an answer, one that will be lost too."""
        self.answers[endpoint][status] += 1

    def count_request(self, fingerprint: str, status: int) -> None:
        """Count a request on the data plane."""
        outcome: Outcome = "error"
        if status < HTTPStatus.MULTIPLE_CHOICES:
            outcome = "ok"
        elif status == HTTPStatus.UNAUTHORIZED:
            outcome = "refused"
        self.requests[fingerprint][outcome] += 1

    @property
    def refusals(self) -> int:
        """How many requests on the data plane were refused for their key."""
        return sum(counts["refused"] for counts in self.requests.values())
