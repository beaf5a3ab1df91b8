"""`freshkey report`: what audit files tell, for auditors, pilots, and incidents."""

from __future__ import annotations

import csv
import io
import json
import time
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any

from freshkey.cli.failure import CommandError
from freshkey.cli.output import columns, counted, print_utf8, shown, span
from freshkey.cli.report_input import lines_of, service_accounts
from freshkey.cli.report_requests import (
    REQUEST_COLUMNS,
    request_record,
    request_rows,
    request_table,
)
from freshkey.logs.standard_error import tell
from freshkey.reporting.events import read
from freshkey.reporting.lives import orphans, report
from freshkey.reporting.requests import uses

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from freshkey.reporting.lives import Life, Report

_COLUMNS = (
    *("key", "tag", "api_key_id", "service_account", "minted", "published", "ended", "how"),
    *("lifetime", "readers"),
)


def report_command(options: Namespace) -> int:
    """Print the report; 1 when a key lived too long, or an account belongs to nobody."""
    accounts = service_accounts(options.orphans) if options.orphans else None
    found = read((shown(path), lines_of(path, "a readable audit file")) for path in options.files)
    if not found.events and found.others:
        names = ", ".join(found.others)
        raise CommandError(f"{names}: no line is an event: is it what log.audit_file names?")
    now = time.time()
    until = min(now, inf if options.until is None else options.until)
    since = options.since or -inf
    content = report(found.events, since, until)
    too_long = [
        life
        for life in content.lives
        if options.max_lifetime is not None and life.lifetime(until) > options.max_lifetime
    ]
    unknown = None if accounts is None else orphans(accounts, found.events)
    whole = _whole(content, too_long, unknown, found.others, until)
    whole["requests"] = request_rows(uses(found.events, since, until))
    match options.format:
        case "json":
            print(json.dumps(whole, indent=2))
        case "csv" if options.requests:
            print_utf8(_csv(REQUEST_COLUMNS, map(request_record, whole["requests"])))
            for line in _summary(whole):
                tell(line)
        case "csv":  # a file has one table
            print_utf8(_csv(_COLUMNS, map(_key_record, whole["keys"])))
            for line in (*_requests(whole), *_summary(whole)):
                tell(line)
        case _ if options.requests:
            print("\n".join((*request_table(whole["requests"]), "", *_summary(whole))))
        case _:
            print("\n".join((*_table(whole), "", *_requests(whole), *_summary(whole))))
    return 1 if too_long or unknown else 0


def _whole(
    content: Report,
    too_long: list[Life],
    unknown: list[tuple[str, str]] | None,
    others: dict[str, int],
    until: float,
) -> dict[str, Any]:
    names = sorted({*content.mints, *content.gaps, *content.abandoned, *content.refused_reads})
    whole: dict[str, Any] = {
        "keys": [_row(life, until) for life in content.lives],
        "applications": [
            {
                "key": name,
                "mints": content.mints.get(name, 0),
                "abandoned_mints": content.abandoned.get(name, 0),
                "refused_reads": content.refused_reads.get(name, 0),
                "seconds_without_a_key": round(
                    sum(b - a for a, b in content.gaps.get(name, ())), 3
                ),
            }
            for name in names
        ],
        "over_the_maximum": [{"key": life.name, "tag": life.tag} for life in too_long],
        "lines_that_are_no_events": others,
    }
    if unknown is not None:
        whole["orphans"] = [{"id": id_, "name": name} for id_, name in unknown]
    return whole


def _row(life: Life, until: float) -> dict[str, Any]:
    ending = life.ending(until)
    return {
        "key": life.name,
        "tag": life.tag,
        "api_key_id": life.api_key_id,
        "service_account": life.service_account,
        "minted": _time(life.minted_at),
        "published": _time(life.published_at),
        "ended": None if ending == "alive" else _time(life.end(until)),
        "how": ending,
        "lifetime": round(life.lifetime(until), 3),
        "readers": life.readers,
    }


def _time(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _csv(names: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _key_record(row: dict[str, Any]) -> dict[str, Any]:
    readers = "; ".join(f"{name}: {count}" for name, count in row["readers"].items())
    return {**row, "readers": readers}


def _requests(whole: dict[str, Any]) -> Iterator[str]:
    if whole["requests"]:
        yield from request_table(whole["requests"])
        yield ""


def _table(whole: dict[str, Any]) -> Iterator[str]:
    head = ("KEY", "TAG", "MINTED", "LIFETIME", "END", "READ BY", "API KEY")
    rows = [
        (
            shown(row["key"]),
            shown(row["tag"]),
            shown(row["minted"]),
            span(row["lifetime"]),
            shown(row["how"]),
            f"{len(row['readers'])}",
            shown(row["api_key_id"]),
        )
        for row in whole["keys"]
    ]
    yield from columns([head, *rows]) if rows else ["no key lived in that time"]


def _summary(whole: dict[str, Any]) -> Iterator[str]:
    for row in whole["applications"]:
        without = span(round(row["seconds_without_a_key"]))
        yield (
            f"{shown(row['key'])}: {counted(row['mints'], 'mint')}, {row['abandoned_mints']} "
            f"abandoned, {counted(row['refused_reads'], 'refused read')}, {without} without a key"
        )
    for row in whole["keys"]:
        for reader, count in row["readers"].items():
            times = counted(count, "time")
            yield f"{shown(row['key'])} {shown(row['tag'])}: read by {shown(reader)}, {times}"
    for life in whole["over_the_maximum"]:
        yield f"over the maximum: {shown(life['key'])} {shown(life['tag'])}"
    for account in whole.get("orphans", ()):
        yield f"no record accounts for {shown(account['name'])} ({shown(account['id'])})"
    for name, count in whole["lines_that_are_no_events"].items():
        yield f"{name}: not an event: {counted(count, 'line')}"
