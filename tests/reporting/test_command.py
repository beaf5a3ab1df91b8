"""`freshkey report`: its output in each form, and its exit status."""

from __future__ import annotations

import csv
import gzip
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
    assert "billing 1-aaaa0001: read by app.service (uid 8), 1 time" in lines


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
    assert "over the maximum: billing 2-aaaa0002" in capsys.readouterr().out
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


def test_a_list_has_to_be_given_to_its_last_page(
    audit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, last = tmp_path / "first.json", tmp_path / "last.json"
    known = {"id": "svc_acct_1", "name": "vault-billing-1"}
    first.write_text(json.dumps({"data": [known], "has_more": True}))
    last.write_text(json.dumps({"data": [{"id": "x", "name": "lost"}], "has_more": False}))
    arguments = ["report", str(audit), *UNTIL, "--orphans", str(first)]
    assert main(arguments) == 1
    assert "first.json: has_more is true" in capsys.readouterr().err
    assert main([*arguments, "--orphans", str(last)]) == 1
    assert "no record accounts for lost (x)" in capsys.readouterr().out


def test_what_a_table_of_keys_has_no_room_for_is_said_beside_csv(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["report", str(audit), *UNTIL, "--max-lifetime", "50m", "--format", "csv"]
    assert main(arguments) == 1
    said = capsys.readouterr()
    assert "over the maximum: billing 2-aaaa0002" in said.err
    assert "billing: 2 mints" in said.err
    assert "over the maximum" not in said.out


def test_an_empty_record_is_no_failure(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit.write_text("")
    assert main(["report", str(audit)]) == 0
    assert capsys.readouterr().out.startswith("no key lived in that time\n")


@pytest.mark.parametrize("content", ["garbage\nof two lines\n", "one\n"])
def test_a_file_that_has_other_lines_is_named(
    audit: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    other = audit.with_name("other")
    other.write_text(content)
    assert main(["report", str(audit), str(other), *UNTIL]) == 0
    lines = content.count("\n")
    expected = f"{other}: not an event: {lines} line{'s' * (lines > 1)}"
    assert expected in capsys.readouterr().out.splitlines()


def test_rotated_files_and_standard_input_are_read(
    audit: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = audit.with_name("audit.1.gz")
    packed.write_bytes(gzip.compress(audit.read_bytes()))
    for path in (str(packed), "-"):
        with audit.open() as file:
            monkeypatch.setattr("sys.stdin", file)
            assert main(["report", path, *UNTIL, "--format", "json"]) == 0
        assert len(json.loads(capsys.readouterr().out)["keys"]) == 2
    packed.write_bytes(packed.read_bytes()[:40])
    assert main(["report", str(packed)]) == 1
    assert "audit.1.gz: Compressed file ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "arguments", "fault"),
    [
        ("x\n", [], "audit: no line is an event: is it what log.audit_file names?"),
        (ROTATION[0], ["/nowhere/audit"], "/nowhere/audit: No such file"),
        (ROTATION[0], ["--orphans", "/etc/hostname"], "is no list of service accounts"),
        (
            ROTATION[0],
            ["--orphans", "/nowhere/x"],
            "No such file or directory: name a readable",
        ),
        (ROTATION[0], ["--orphans", "/etc"], "Is a directory: name a readable list"),
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


def test_a_broken_archive_is_told_of(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = bytearray(gzip.compress(audit.read_bytes(), mtime=0))
    packed[10:] = b"\xff" * 20
    audit.write_bytes(packed)
    assert main(["report", str(audit)]) == 1
    assert "Error -3 while decompressing data" in capsys.readouterr().err


def test_times_beyond_the_calendar_are_none(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.loads(ROTATION[0])
    audit.write_text(
        "\n".join(
            json.dumps({**line, "timestamp": time})
            for time in (
                "0001-01-01T00:00:00+23:59",
                "9999-12-31T23:59:59-23:59",
                line["timestamp"],
            )
        )
    )
    assert main(["report", str(audit)]) == 0
    assert "not an event: 2 lines" in capsys.readouterr().out


def test_half_a_surrogate_pair_and_sums_without_end(
    audit: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    line = {"timestamp": "2026-01-29T10:00:00Z", "event": "gateway.request", "client": "\ud800"}
    audit.write_text(
        "\n".join(json.dumps({**line, "input_tokens": 10**4298 * n, "n": n}) for n in range(1, 10))
    )
    assert main(["report", str(audit), "--format", "csv", "--requests"]) == 0
    assert "\N{REPLACEMENT CHARACTER},".encode() in capsysbinary.readouterr().out
    assert main(["report", str(audit), "--format", "json"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["requests"][0]["requests"] == 9
