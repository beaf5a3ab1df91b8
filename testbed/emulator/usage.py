"""Usage and costs by key: what `/organization/usage/completions` and `/organization/costs` show.

Source: `openai/types/admin/organization/usage_completions_response.py` and `…_costs_response.py`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MINUTE = 60
DAY = 86400
USD_PER_TOKEN = 1e-6


@dataclass(frozen=True, slots=True)
class Origin:
    """What usage is grouped and filtered by."""

    project_id: str
    api_key_id: str
    model: str


@dataclass(slots=True)
class Amount:
    """Requests and tokens, added up."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, other: "Amount") -> None:
        """Add another amount to this one."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens


Group = dict[str, str | None]
"""The fields of an origin; null where the query doesn't group by them."""

Result = Callable[[Group, Amount], dict[str, object]]


@dataclass(frozen=True, slots=True)
class Query:
    """A request for usage: buckets of `width` seconds; an empty filter lets everything through."""

    start: int
    end: int
    width: int
    limit: int
    group_by: frozenset[str] = frozenset()
    api_key_ids: frozenset[str] = frozenset()
    project_ids: frozenset[str] = frozenset()

    def matches(self, origin: Origin) -> bool:
        """Tell whether the filters let this usage through."""
        return (not self.api_key_ids or origin.api_key_id in self.api_key_ids) and (
            not self.project_ids or origin.project_id in self.project_ids
        )

    def group(self, origin: Origin) -> Group:
        """Name the group: fields that are not grouped by are null."""
        return {
            name: getattr(origin, name) if name in self.group_by else None
            for name in ("project_id", "api_key_id", "model")
        }

    def buckets(self) -> Iterator[tuple[int, int]]:
        """Yield start and end of each bucket, in Unix seconds, aligned to the width."""
        first = self.start - self.start % self.width
        for start in range(first, self.end, self.width):
            yield start, start + self.width


class Usage:
    """All completions since the start, by the minute."""

    def __init__(self) -> None:
        self._minutes: defaultdict[tuple[int, Origin], Amount] = defaultdict(Amount)

    def record(self, origin: Origin, amount: Amount, now: float) -> None:
        """Add one completion."""
        self._minutes[int(now) // MINUTE * MINUTE, origin].add(amount)

    def completions(self, query: Query) -> dict[str, object]:
        """Return the page of `/organization/usage/completions`."""
        return self._page(query, _completions_result)

    def costs(self, query: Query) -> dict[str, object]:
        """Return the page of `/organization/costs`."""
        return self._page(query, _costs_result)

    def _page(self, query: Query, result: Result) -> dict[str, object]:
        spans = list(query.buckets())
        data = [
            {
                "object": "bucket",
                "start_time": start,
                "end_time": end,
                "results": [result(*group) for group in self._groups(query, start, end)],
            }
            for start, end in spans[: query.limit]
        ]
        has_more = len(spans) > query.limit
        next_page = f"page_{spans[query.limit][0]}" if has_more else None
        return {"object": "page", "data": data, "has_more": has_more, "next_page": next_page}

    def _groups(self, query: Query, start: int, end: int) -> Iterator[tuple[Group, Amount]]:
        totals: defaultdict[tuple[str | None, ...], Amount] = defaultdict(Amount)
        names: dict[tuple[str | None, ...], Group] = {}
        for (minute, origin), amount in self._minutes.items():
            if start <= minute < end and query.matches(origin):
                group = query.group(origin)
                totals[tuple(group.values())].add(amount)
                names[tuple(group.values())] = group
        for key, total in totals.items():
            yield names[key], total


def _completions_result(group: Group, total: Amount) -> dict[str, object]:
    return {
        "object": "organization.usage.completions.result",
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "input_cached_tokens": 0,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "num_model_requests": total.requests,
        "user_id": None,
        "batch": None,
        "service_tier": None,
        **group,
    }


def _costs_result(group: Group, total: Amount) -> dict[str, object]:
    tokens = total.input_tokens + total.output_tokens
    return {
        "object": "organization.costs.result",
        "amount": {"value": tokens * USD_PER_TOKEN, "currency": "usd"},
        "line_item": None,
        "quantity": None,
        "project_id": group["project_id"],
        "api_key_id": group["api_key_id"],
    }
