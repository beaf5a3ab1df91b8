"""What GET /control/state answers."""

from typing import TypedDict

from testbed.emulator.counters import AccountCounts
from testbed.emulator.records import ServiceAccount, fingerprint
from testbed.emulator.settings import SettingsFields
from testbed.emulator.state import EmulatorState


class LiveKey(TypedDict):
    """A key that exists and has not expired, active yet or not. Times are Unix seconds."""

    key_id: str
    account_id: str
    account_name: str
    project_id: str
    fingerprint: str
    created_at: float
    expires_at: float | None


class LiveToken(TypedDict):
    """An access token that has not ended. Times are Unix seconds."""

    fingerprint: str
    account_id: str
    expires_at: float


class GroupState(TypedDict):
    """Counts over one group of accounts; `high_water` is the most keys alive at once."""

    live: int
    high_water: int
    mints: int
    deletions: int


class RequestCounts(TypedDict):
    """Requests with one key on the data plane: 2xx, 401, anything else."""

    ok: int
    refused: int
    error: int


class StateSnapshot(TypedDict):
    """Everything but the keys themselves."""

    now: float
    live: list[LiveKey]
    overall: GroupState
    projects: dict[str, GroupState]
    """By project id."""
    prefixes: dict[str, GroupState]
    """By the accounts' names less what follows their last hyphen."""
    refusals: int
    """Requests of the data plane answered 401, whatever their key."""
    requests: dict[str, RequestCounts]
    """By the fingerprint of the key that was sent."""
    answers: dict[str, dict[str, int]]
    """By endpoint, then by status; lost ones are among them."""
    lost: dict[str, int]
    """Answers that were lost, by endpoint."""
    access_tokens: list[LiveToken]
    settings: SettingsFields


def snapshot(state: EmulatorState) -> StateSnapshot:
    """Describe the emulator as it is now."""
    now = state.now()
    live = state.organization.live(now)
    account_counters, request_counters = state.organization.account_counters, state.request_counters
    return {
        "now": now,
        "live": [_live_key(account) for account in live],
        "overall": _group(account_counters.overall, len(live)),
        "projects": {
            project: _group(counts, sum(account.project_id == project for account in live))
            for project, counts in account_counters.projects.items()
        },
        "prefixes": {
            prefix: _group(counts, sum(account.name_prefix == prefix for account in live))
            for prefix, counts in account_counters.prefixes.items()
        },
        "refusals": request_counters.refusals,
        "requests": {
            key: {"ok": counts["ok"], "refused": counts["refused"], "error": counts["error"]}
            for key, counts in request_counters.requests.items()
        },
        "answers": {
            endpoint: {str(status): count for status, count in counts.items()}
            for endpoint, counts in request_counters.answers.items()
        },
        "lost": dict(request_counters.lost.items()),
        "access_tokens": [
            {
                "fingerprint": fingerprint(token.digest),
                "account_id": token.account_id,
                "expires_at": token.expires_at,
            }
            for token in state.organization.federation.live(now)
        ],
        "settings": state.settings.to_json(),
    }


def _live_key(account: ServiceAccount) -> LiveKey:
    return {
        "key_id": account.key.id,
        "account_id": account.id,
        "account_name": account.name,
        "project_id": account.project_id,
        "fingerprint": fingerprint(account.key.digest),
        "created_at": account.created_at,
        "expires_at": account.key.validity.expires_at,
    }


def _group(counts: AccountCounts, live: int) -> GroupState:
    return {
        "live": live,
        "high_water": counts.high_water,
        "mints": counts.mints,
        "deletions": counts.deletions,
    }
