from __future__ import annotations

import pytest
from freshkey.serve.arguments import members, wait_of

ROTATION = {"compromised": bool, "now": bool}


NO_DURATION = 'wait is not a duration: give seconds, or such as "90s", "2m"'


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("", 0),
        ("newer=1&&=&wai=3", 0),
        ("wait=0", 0),
        ("wait=30", 30),
        ("wait=30s", 30),
        ("a=b&wait=1m30s", 90),
        ("wait=5m", 300),
        ("wait=301", 300),
        ("wait=9h", 300),
    ],
)
def test_durations_are_those_of_the_configuration(query: str, seconds: float) -> None:
    assert wait_of(query) == seconds


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("wait=", NO_DURATION),
        ("wait", NO_DURATION),
        ("wait=-1", NO_DURATION),
        ("wait=1.5s", NO_DURATION),
        ("wait=%33s", NO_DURATION),
        ("wait=sk-secret", NO_DURATION),  # not quoted
        (f"wait={'9' * 12}h", NO_DURATION),
        (f"wait={'9' * 10_000}", NO_DURATION),  # more digits than Python reads
        (f"wait={'9' * 10_000}s", NO_DURATION),
        ("wait=1s&wait=1s", "wait is given more than once: give it once"),
    ],
)
def test_others_are_told_what_is_wrong(query: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        wait_of(query)
    assert str(raised.value) == reason


def test_a_body_may_be_missing_or_lack_members() -> None:
    assert members(b"", ROTATION) == members(b" {} ", ROTATION) == {}
    assert members(b'{"now": true}', ROTATION) == {"now": True}


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b"{}{}", b"[" * 4096, b'{"now": true,}', '{"now": true}'.encode("utf-16")],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="not JSON in UTF-8"):
        members(body, ROTATION)


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b'"now"', b'{"now": 1}', b'{"now": null}', b'{"compromized": true}']
)
def test_so_is_another_shape(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"these members only: compromised \(bool\), now \(bool\)"):
        members(body, ROTATION)
