"""What the gateway's records add up to, and how `freshkey report` prints it."""

from __future__ import annotations

import csv
import io
import json
from math import inf
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.cli.main import main
from freshkey.reporting.events import moment, read
from freshkey.reporting.requests import Use, uses

from tests.reporting.test_command import UNTIL
from tests.reporting.test_lives import DAY, ROTATION, line

if TYPE_CHECKING:
    from pathlib import Path


def request(at: str, status: int, **fields: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """One that OpenAI answered, unless `fields` say otherwise."""
    told = {"client": "agents", "key": "billing", "model": "gpt-5-mini", "status": status}
    answer = {"x_request_id": "req_1", "bytes_sent": 40}
    return line(at, "gateway.request", **{**told, **answer, **fields})


OWN: dict[str, Any] = {"x_request_id": None, "bytes_sent": 0}  # as the gateway's answers are told
REQUESTS = (
    request("10:01:00", 200, input_tokens=10, output_tokens=5),
    request("10:02:00", 200, input_tokens=7, output_tokens=None),
    request("10:03:00", 429),
    request("10:04:00", 503, x_request_id=None),
    request("10:05:00", 503, **OWN),
    request("10:06:00", 499, **OWN),
    request("10:07:00", 403, **OWN, client=None, key=None, model=None),
    request("10:08:00", 101, model="gpt-realtime", input_tokens=3, output_tokens=9),
)


def made(*lines: str, since: float = -inf, until: float = inf) -> list[Use]:
    return uses(read([("audit", lines)]).events, since, until)


def test_refusals_are_told_apart_by_who_made_them() -> None:
    most, unknown, realtime = made(*REQUESTS)
    assert most == Use(
        client="agents",
        key="billing",
        model="gpt-5-mini",
        requests=6,
        answered=2,
        refused_by_gateway={"503": 1},
        refused_by_openai={"429": 1, "503": 1},
        hung_up=1,
        input_tokens=17,
        output_tokens=5,
    )
    assert (unknown.client, unknown.key, unknown.refused_by_gateway) == (None, None, {"403": 1})
    assert (realtime.model, realtime.answered, realtime.output_tokens) == ("gpt-realtime", 1, 9)


def test_each_client_key_and_model_has_a_line_of_its_own() -> None:
    others = (
        request("11:00:00", 200, client="notebook"),
        request("11:00:01", 200, key="search"),
        request("11:00:02", 200, model="gpt-5"),
        request("11:00:03", 200, model="gpt-5"),
    )
    assert [(use.client, use.key, use.model, use.requests) for use in made(*others)] == [
        ("agents", "billing", "gpt-5", 2),
        ("agents", "search", "gpt-5-mini", 1),
        ("notebook", "billing", "gpt-5-mini", 1),
    ]


def test_they_are_of_the_period() -> None:
    (use,) = made(*REQUESTS, since=moment(f"{DAY}10:02:00Z"), until=moment(f"{DAY}10:03:00Z"))
    assert (use.requests, use.input_tokens) == (2, 7)


def test_odd_values_end_nothing() -> None:
    (use,) = made(request("10:00:00", 200, input_tokens="many", output_tokens=-3, bytes_sent=[]))
    assert (use.requests, use.answered, use.input_tokens, use.output_tokens) == (1, 1, 0, 0)


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    path = tmp_path / "audit"
    path.write_text("\n".join([*ROTATION, *REQUESTS]))
    return path


def cells(text: str) -> list[str]:
    return [cell.strip() for cell in text.split("  ") if cell.strip()]


def test_a_table_for_people(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(audit), *UNTIL]) == 0
    lines = capsys.readouterr().out.splitlines()
    begin = next(number for number, text in enumerate(lines) if text.startswith("CLIENT"))
    assert cells(lines[begin]) == [
        *("CLIENT", "KEY", "MODEL", "REQUESTS", "REFUSED HERE", "REFUSED BY OPENAI", "HUNG UP"),
        *("TOKENS IN", "TOKENS OUT"),
    ]
    assert cells(lines[begin + 1]) == [
        *("agents", "billing", "gpt-5-mini", "6", "503: 1", "429: 1; 503: 1", "1", "17", "5")
    ]
    assert cells(lines[begin + 2]) == ["-", "-", "-", "1", "403: 1", "-", "0", "0", "0"]
    assert lines[0].startswith("KEY"), "keys come first"
    assert any(text.startswith("billing: 2 mints") for text in lines[begin:])


def test_a_table_of_requests_alone(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(audit), *UNTIL, "--requests", "--max-lifetime", "50m"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("CLIENT")
    assert "over the maximum: billing 2-aaaa0002" in said
    audit.write_text(ROTATION[0])
    assert main(["report", str(audit), *UNTIL, "--requests"]) == 0
    assert capsys.readouterr().out.startswith("no request came to the gateway in that time\n")


def test_json_has_both(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(audit), *UNTIL, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["keys"]) == 2
    assert found["requests"][0] == {
        "client": "agents",
        "key": "billing",
        "model": "gpt-5-mini",
        "requests": 6,
        "answered": 2,
        "refused_by_gateway": {"503": 1},
        "refused_by_openai": {"429": 1, "503": 1},
        "hung_up": 1,
        "input_tokens": 17,
        "output_tokens": 5,
    }
    assert found["requests"][1]["client"] is None


def test_csv_has_one_of_them_and_the_rest_beside_it(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(audit), *UNTIL, "--format", "csv", "--requests"]) == 0
    said = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert [row["requests"] for row in rows] == ["6", "1", "1"]
    assert rows[0]["refused_by_openai"] == "429: 1; 503: 1"
    assert rows[1]["client"] == ""
    assert "billing: 2 mints" in said.err
    assert main(["report", str(audit), *UNTIL, "--format", "csv"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("key,")
    assert "agents" in said.err
    assert "agents" not in said.out


def test_what_a_client_named_does_nothing_to_a_terminal(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit.write_text(request("10:00:00", 200, model="\x1b[2Jgpt\n5"))
    assert main(["report", str(audit), "--requests"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert len(said.splitlines()) == 3
