"""`freshkey report`: its output in each form, and its exit status."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from freshkey.cli.main import main

from tests.reporting.test_lives import ROTATION, mint, reading

if TYPE_CHECKING:
    from pathlib import Path

UNTIL = ["--until", "2026-01-29T23:00:00Z"]


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    path = tmp_path / "audit"
    path.write_text("\n".join([*ROTATION, reading("10:10:00", 1, uid=8, unit="app.service")]))
    return path


def test_a_table_for_people(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(audit), *UNTIL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "KEY",
        "TAG",
        "MINTED",
        "LIFETIME",
        "END",
        "READ",
        "BY",
        "API",
        "KEY",
    ]
    assert lines[1].split() == [
        *("billing", "2-aaaa0002", "2026-01-29T10:40:00Z", "1h", "0m", "expired", "0", "key_2")
    ]
    assert "billing: 2 mints, 0 abandoned, 0 refused reads, 0s without a key" in lines
    assert "billing 1-aaaa0001: read by app.service (uid 8), 1 times" in lines


def test_json_and_csv_say_the_same(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(audit), *UNTIL, "--format", "json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [row["lifetime"] for row in found["keys"]] == [3600.0, 2701.0]
    assert found["keys"][1]["readers"] == {"app.service (uid 8)": 1}
    assert found["keys"][1]["ended"] == "2026-01-29T10:45:01Z"
    assert main(["report", str(audit), *UNTIL, "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["api_key_id"] for row in rows] == ["key_2", "key_1"]
    assert rows[1]["readers"] == "app.service (uid 8): 1"


def test_files_of_several_agents_are_one_report(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = audit.with_name("other")
    other.write_text(mint("09:00:00", 7, "12:00:00", name="search"))
    assert main(["report", str(audit), str(other), *UNTIL, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["key"] for row in found["keys"]] == ["search", "billing", "billing"]


def test_a_key_that_lived_too_long_is_named_and_fails(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(audit), *UNTIL, "--max-lifetime", "50m"]) == 1
    assert "over the maximum: 2-aaaa0002" in capsys.readouterr().out
    assert main(["report", str(audit), *UNTIL, "--max-lifetime", "1h"]) == 0


def test_an_account_that_no_record_knows_fails(
    audit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    accounts = tmp_path / "accounts.json"
    known = [{"id": "svc_acct_1", "name": "vault-billing-1"}]
    accounts.write_text(json.dumps({"object": "list", "data": known}))
    arguments = ["report", str(audit), *UNTIL, "--orphans", str(accounts)]
    assert main(arguments) == 0
    accounts.write_text(json.dumps({"data": [*known, {"id": "svc_acct_2", "name": "lost"}]}))
    assert main(arguments) == 1
    assert "no record accounts for lost (svc_acct_2)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "arguments", "fault"),
    [
        ("", [], "no event in these files"),
        ("x\n", [], "no event in these files"),
        (ROTATION[0], ["/nowhere/audit"], "/nowhere/audit: No such file"),
        (ROTATION[0], ["--orphans", "/etc/hostname"], "is no list of service accounts"),
    ],
)
def test_what_can_not_be_read_is_said(
    audit: Path, capsys: pytest.CaptureFixture[str], content: str, arguments: list[str], fault: str
) -> None:
    audit.write_text(content)
    assert main(["report", str(audit), *arguments]) == 1
    assert fault in capsys.readouterr().err


def test_a_time_without_its_zone_is_wrong_usage(audit: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["report", str(audit), "--since", "yesterday"])
    assert caught.value.code == 2
