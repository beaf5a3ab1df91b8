"""`freshkey report`: any file, also a gzipped one, makes a report, or a line that says what it is.

The first byte of an input chooses whether the rest is an audit file, the same gzipped, or a list
of service accounts; its length chooses the form of the report.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from tests.fuzz.command import run
from tests.fuzz.target import Target
from tests.fuzz.targets.configuration import place

WAYS: tuple[list[str], ...] = (
    ["--format", "json"],
    ["--format", "csv"],
    ["--format", "csv", "--requests"],
    [],
    ["--requests"],
)
GOOD = b'{"timestamp": "2020-01-01T00:00:00Z", "event": "x", "service_account": "a"}\n'


def check(data: bytes) -> None:
    kind, content = data[:1], data[1:]
    path = place()
    path.write_bytes(gzip.compress(content, 1, mtime=0) if kind == b"z" else content)
    options = [str(path), "--max-lifetime", "1h"]
    if kind == b"o":
        audited = Path(f"{path}.audited")
        audited.write_bytes(GOOD)
        options = [str(audited), "--orphans", str(path)]
    way = WAYS[len(content) % len(WAYS)]
    status, out, told = run(["report", *options, *way])
    assert status in {0, 1}
    assert all(line.isprintable() for line in told.splitlines()), told
    assert status == 0 or out or told, "nothing is told"
    if "json" in way and out:
        json.loads(out)
    if not way:
        assert all(line.isprintable() for line in out.split("\n")), "a terminal acts on it"


def _line(event: str, **fields: object) -> bytes:
    content = {"timestamp": "2020-01-01T00:00:00Z", "event": event, "key": "billing", "tag": "7-0"}
    return json.dumps({**content, **fields}).encode() + b"\n"


MINTED = _line("key.minted", lease_id="l/1", api_key_id="key_1", not_after="2020-01-02T00:00:00Z")
TARGET = Target(
    check,
    (
        *(b"f" + MINTED.replace(b"billing", b"\\u001b[2J") + b"\n" * n for n in range(len(WAYS))),
        b"f"
        + MINTED
        + _line("key.published", lease_id="l/1")
        + _line("lease.revoked", lease_id="l/1"),
        b"z" + MINTED + _line("key.read", outcome="served", uid=0, unit="a.service"),
        b"f" + _line("gateway.request", client="a", model="gpt-5", status=200, input_tokens=3),
        b"f" + _line("key.withdrawn", why="stop") + _line("mint.abandoned") + b"garbage\n",
        b"f" + _line("key.exchanged", not_after=None) + _line("key.renewed", lease_id="l/1"),
        b'o{"data": [{"id": "a", "name": "b"}], "has_more": false}',
        b"f\x1f\x8b" + gzip.compress(MINTED, mtime=0)[2:],
    ),
    (
        b'"timestamp": "0001-01-01T00:00:00+23:59"',
        b'"timestamp": "9999-12-31T23:59:59-23:59"',
        *(b'"not_after": "9999-12-31T23:59:59-23:59"', b'"event": "key.minted"'),
        *(b'"event": "key.read"', b'"event": "gateway.request"', b'"status": 401'),
        *(b'"input_tokens": ' + b"9" * 4299, b"\\ud800", b"[" * 900, b"\xff", b"\0", b"\n"),
        *(b"\x1b[2J", b"NaN", b"1e999", b"9" * 5000, b'"', b"{", b"}", b"\x1f\x8b\x08\x00"),
        *(b"\r", b"\xe2\x80\xa8", b'"lease_id": ["l/1"]', b'"key": "\\n=cmd"'),
    ),
    size=12_000,
)
