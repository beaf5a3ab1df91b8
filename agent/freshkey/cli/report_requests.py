"""How `freshkey report` prints the requests to the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from freshkey.cli.output import columns, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from freshkey.reporting.requests import Use

_REFUSALS: Final = ("refused_by_gateway", "refused_by_openai")
REQUEST_COLUMNS: Final = (
    *("client", "key", "model", "requests", "answered", *_REFUSALS),
    *("hung_up", "input_tokens", "output_tokens"),
)
_HEAD: Final = (
    *("CLIENT", "KEY", "MODEL", "REQUESTS", "REFUSED HERE", "REFUSED BY OPENAI", "HUNG UP"),
    *("TOKENS IN", "TOKENS OUT"),
)


def request_rows(uses: Iterable[Use]) -> list[dict[str, Any]]:
    """Make objects of them, with the fields of `REQUEST_COLUMNS`."""
    return [msgspec.to_builtins(use) for use in uses]


def request_table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Lay them out for people; refusals stand with their statuses."""
    laid = [
        (
            *(shown(row[name]) for name in ("client", "key", "model", "requests")),
            *(shown(by_status(row[name])) for name in _REFUSALS),
            *(f"{row[name]}" for name in ("hung_up", "input_tokens", "output_tokens")),
        )
        for row in rows
    ]
    yield from columns([_HEAD, *laid]) if laid else ["no request came to the gateway in that time"]


def request_record(row: Mapping[str, Any]) -> dict[str, Any]:
    """Make a row for CSV, where a cell holds no table."""
    return {**row, **{name: by_status(row[name]) for name in _REFUSALS}}


def by_status(counts: Mapping[str, int]) -> str:
    """Write counts by status on one line."""
    return "; ".join(f"{status}: {count}" for status, count in sorted(counts.items()))
