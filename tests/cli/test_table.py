import sys
from types import SimpleNamespace

import pytest
from freshkey.cli.output import shown, span
from freshkey.cli.table import fault_text, table

from tests.cli.agent import FAULT, KEY_STATUS, OLD, STATUS

READER = {"pid": 77, "uid": 1000, "executable": "/bin/x", "unit": None, "tag": OLD, "age": 3}


def lines(**key_values: object) -> list[str]:
    return list(table({**STATUS, "keys": [{**KEY_STATUS, **key_values}]}))


def test_the_agent_and_its_keys() -> None:
    assert lines() == [
        "freshkey  1.2.3, pid 4711, since 2030-01-01T00:00:00Z",
        "vault     https://vault.example:8200",
        "token     accessor acc, expires in 1d 0h",
        "",
        "KEY      TAG         STATE  AGE    EXPIRES IN  LEASES  LAST FAULT",
        "billing  7-aaaaaaaa  fresh  1m 5s  1h 0m       1       -",
    ]


def test_what_is_wrong() -> None:
    failed = {"path": "/k", "ok": False, "fault": {"message": "No space left on device"}}
    written = {"path": "/fine", "ok": True, "fault": None}
    shows = lines(
        state="stale",
        expires_in=-90,
        leases=2,
        pending_revocations=1,
        last_fault=FAULT,
        files=[failed, written],
    )
    assert shows[5].endswith("  -1m 30s     2, 1 to revoke  mint: upstream: slow down (T)")
    assert shows[6:] == ["", "billing: /k: not written: No space left on device"]


def test_a_file_before_the_first_key() -> None:
    file = {"path": "/k", "ok": False, "fault": None}
    assert lines(files=[file])[-1] == "billing: /k: not written yet: there is no key"


def test_readers() -> None:
    assert lines(readers=[READER, {**READER, "pid": 8, "unit": "a.service"}])[6:] == [
        "",
        "READ BY  KEY      TAG         AGE  UID   UNIT       EXECUTABLE",
        "pid 77   billing  7-aaaaaaaa  3s   1000  -          /bin/x",
        "pid 8    billing  7-aaaaaaaa  3s   1000  a.service  /bin/x",
    ]


def test_a_reader_that_still_holds_an_old_key() -> None:
    old = {**READER, "tag": "6-bbbbbbbb"}
    assert "(no longer current)" in lines(readers=[{**READER, "tag": "9" * 5000}], leases=2)[8]
    replacing = lines(readers=[READER, old], leases=2)
    assert "  7-aaaaaaaa                        3s " in replacing[8]
    assert "  6-bbbbbbbb (about to be revoked)  3s " in replacing[9]
    assert "  6-bbbbbbbb (no longer current)  3s " in lines(readers=[old], leases=1)[8]
    long_gone = {**READER, "tag": "2-bbbbbbbb"}
    assert "  2-bbbbbbbb (no longer current)  3s " in lines(readers=[long_gone], leases=2)[8]


def test_a_fault_of_vault() -> None:
    shows = list(table({**STATUS, "vault": {"address": "https://v", "fault": "sealed"}}))
    assert shows[1] == "vault     https://v: sealed"


@pytest.mark.parametrize(
    "status",
    [{}, dict.fromkeys(STATUS), dict.fromkeys(STATUS, 1), {"keys": [None], "vault": ["x"]}],
)
def test_nothing_is_known(status: dict[str, object]) -> None:
    shows = list(table(status))
    assert shows[2] == "token     accessor -, expires in -"
    assert shows[-1] == "no key that this user may read"


def test_nothing_is_known_of_a_key() -> None:
    names = [*KEY_STATUS]
    shows = list(table({"keys": [dict.fromkeys(names), {}, dict.fromkeys(names, "x")]}))
    assert shows[5].split() == ["-"] * 7
    assert shows[6].split() == ["-"] * 7


def test_nothing_acts_on_the_terminal() -> None:
    wild = "\x1b[2J\r\n\x07\u202e"
    reader = dict.fromkeys(READER, wild)
    file = {"path": wild, "ok": False, "fault": wild}
    for line in (
        *lines(**dict.fromkeys(KEY_STATUS, wild)),
        *lines(last_fault=dict.fromkeys(FAULT, wild), readers=[reader], files=[file]),
        *table({**STATUS, **dict.fromkeys(("version", "pid", "started"), wild)}),
        *table({"vault": {"address": wild, "fault": wild}, "token": {"accessor": wild}}),
    ):
        assert line.isprintable()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m 0s"),
        (3599.9, "59m 59s"),
        (3600, "1h 0m"),
        (90061, "1d 1h"),
        (-5, "-5s"),
        (None, "-"),
        ("soon", "soon"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (True, "True"),
    ],
)
def test_durations(seconds: object, text: str) -> None:
    assert span(seconds) == text


def test_a_duration_that_no_float_holds() -> None:
    """Not the agent's, but JSON has such numbers."""
    assert span(10**400).startswith("11574")


def test_a_terminal_of_another_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(encoding="ascii"))
    assert shown("né") == "n\\xe9"


def test_a_fault_in_other_shapes() -> None:
    assert fault_text(None) == "-"
    assert fault_text({}) == "-"
    assert fault_text("sealed") == "sealed"
    assert fault_text({"fault": "upstream"}) == "upstream"
