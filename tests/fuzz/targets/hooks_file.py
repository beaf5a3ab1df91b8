"""`hooks.json`: any bytes are read, or told of and begun anew."""

from __future__ import annotations

import os
from functools import cache

from freshkey.hooks.done import NAME, DoneHooks
from freshkey.outputs.state_dir import StateDirectory
from structlog.testing import capture_logs

from tests.fuzz.scratch import scratch
from tests.fuzz.target import Target


@cache
def state() -> StateDirectory:
    return StateDirectory.open(scratch() / "state", allow_disk=True)


def check(data: bytes) -> None:
    path = state().path / NAME
    path.write_bytes(data)
    os.chmod(path, 0o600)  # noqa: PTH101 - a descriptor of a file would do as well
    with capture_logs() as told:
        done = DoneHooks(state(), {"billing": 7, "search": 3})
    assert 0 <= len(told) <= 1
    for name, generation in (("billing", 7), ("search", 3)):
        assert done.of(name) <= generation, "what was never published has had no hooks"


TARGET = Target(
    check,
    (b'{"billing": 6, "search": 3}', b'{"billing": Infinity}', b'{"billing": "2"}'),
    (
        *(b'"billing": ', b"NaN", b"1e999", b"-1", b"9" * 5000, b"[" * 3000, b"{" * 900, b'""'),
        *(b"null", b"true", b"\xff", b"\0", b"\xef\xbb\xbf", b'"\\ud800": 1'),
    ),
    size=8000,
)
