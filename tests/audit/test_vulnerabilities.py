"""`make audit` finds what is planted, and never says that all is well when nobody was asked."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import pytest

from tests.audit.osv import osv
from tools.audit.accepted import Acceptance
from tools.audit.advisories import Advisories, Finding, UnavailableError
from tools.audit.compiled import Compiled, compiled_into
from tools.audit.lock import LOCK, ROOT, Pinned, pinned

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "http://127.0.0.1:9"
VULNERABLE = Pinned("urllib3", "2.0.4", ())
FOUND = "audit: vulnerable: urllib3 2.0.4: PYSEC-"


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A lock with a version that is known to be vulnerable."""
    path = tmp_path / "run.txt"
    (present,) = (package for package in pinned() if package.name == VULNERABLE.name)
    pin = f"{present.name}=={present.version}"
    path.write_text(LOCK.read_text().replace(pin, f"{VULNERABLE.name}=={VULNERABLE.version}"))
    return path


def audit(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.audit", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_what_is_pinned_has_no_known_fault_and_fits_its_licences_and_bill() -> None:
    done = audit("--offline")
    assert (done.returncode, done.stderr) == (0, "")
    assert "OSV was not asked (--offline)" in done.stdout
    assert "is not covered" in done.stdout


def test_the_days_of_the_advisories_are_told_and_documented() -> None:
    told, documented = audit("--offline").stdout, (ROOT / "docs" / "security.md").read_text()
    python, rust = Advisories.load().sources
    for source in (python, rust):
        assert f"{source.name} of {source.date}: what became known in the " in told
    assert f"of {python.date} for Python, and of {rust.date} for Rust" in documented


def test_what_is_compiled_into_a_package_is_looked_for_offline() -> None:
    old = Compiled("pyo3", "0.28.1", None, "pkg:cargo/pyo3@0.28.1")
    found = [finding.id for finding in Advisories.load().search([old])]
    assert found == ["RUSTSEC-2026-0013", "RUSTSEC-2026-0176", "RUSTSEC-2026-0177"]
    python = Pinned("pyo3", "0.28.1", ())
    assert not Advisories.load().search([python]), "which is another package of that name"
    strange = Compiled("openssl", "3.0", None, "pkg:rpm/almalinux/openssl@3.0")
    with pytest.raises(UnavailableError, match=r"no advisories are saved for pkg:rpm/"):
        Advisories.load().search([strange])


def test_what_is_compiled_into_a_package_is_asked_about() -> None:
    crate = compiled_into("watchfiles")[0]
    with osv({crate.purl: {"id": "RUSTSEC-1"}}) as address:
        done = audit("--osv", address)
    assert done.returncode == 1
    assert f"audit: vulnerable: {crate.name} {crate.version}: RUSTSEC-1\n" in done.stderr


def test_c_code_is_asked_about_by_its_tag(tmp_path: Path) -> None:
    (part,) = (each for each in compiled_into("httptools") if each.name == "llhttp")
    with osv({f"https://github.com/nodejs/llhttp.git@v{part.version}": {"id": "CVE-1"}}) as address:
        done = audit("--osv", address, "--advisories", tmp_path / "none.json")
    assert done.returncode == 1
    assert f"audit: vulnerable: llhttp {part.version}: CVE-1\n" in done.stderr


def test_that_no_saved_advisory_is_about_c_code_is_told() -> None:
    names = [f"{part.name} {part.version}" for part in compiled_into("httptools")]
    assert len(names) == 2
    assert f"no saved advisory is about C code: {', '.join(names)}\n" in audit("--offline").stdout


def test_another_version_than_somebody_looked_into_is_told(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text(LOCK.read_text().replace("httptools==", "httptools==99."))
    done = audit("--offline", "--lock", path)
    assert done.returncode == 1
    assert "audit: httptools: compiled.toml tells what is compiled into 0." in done.stderr


def test_a_planted_version_is_found_offline(planted: Path) -> None:
    done = audit("--lock", planted, "--osv", NOBODY)
    assert done.returncode == 1
    assert f"OSV was not asked ({NOBODY}" in done.stdout
    assert "CVE-2023-43804" in done.stderr
    assert "audit: freshkey.cdx.json does not fit the lock" in done.stderr


def test_a_planted_version_is_found_by_osv(planted: Path) -> None:
    entry = {"id": "PYSEC-1", "aliases": ["CVE-1"]}
    with osv({VULNERABLE.purl: entry}) as address:
        done = audit("--lock", planted, "--osv", address)
        assert audit("--osv", address).returncode == 0
    assert done.returncode == 1
    assert "OSV was asked about" in done.stdout
    assert f"{FOUND}1 (CVE-1)\n" in done.stderr


def test_an_answer_to_a_part_of_the_questions_is_none(planted: Path) -> None:
    with osv({}, results=3) as address:
        done = audit("--lock", planted, "--osv", address)
    assert "OSV was not asked" in done.stdout
    assert FOUND in done.stderr, "the saved advisories were"


def test_nothing_is_said_to_be_well_when_nobody_was_asked(tmp_path: Path) -> None:
    done = audit("--osv", NOBODY, "--advisories", tmp_path / "none.json")
    assert done.returncode == 1
    assert "audit: vulnerabilities: nobody could be asked" in done.stderr
    assert "open" not in done.stdout


def test_an_accepted_finding_is_told_until_its_day(planted: Path, tmp_path: Path) -> None:
    path = tmp_path / "accepted.toml"
    known = Advisories.load().search([VULNERABLE])
    entry = '[[finding]]\nid = "{}"\npackage = "urllib3"\nuntil = {}\nreason = "a test"\n'
    for until, told in ((date.max, "accepted until 9999-12-31"), (date(2024, 1, 1), FOUND)):
        path.write_text("".join(entry.format(finding.id, until) for finding in known))
        done = audit("--lock", planted, "--offline", "--accepted", path)
        assert told in done.stdout + done.stderr
        assert (FOUND in done.stderr) == (until != date.max)


def test_an_acceptance_is_for_one_package_and_any_of_the_names() -> None:
    entry = Acceptance("CVE-1", "one", date(2024, 1, 2), "a test")
    finding = Finding("one", "3.1.2", "PYSEC-1", ("CVE-1",))
    assert entry.covers(finding, date(2024, 1, 2))
    assert not entry.covers(finding, date(2024, 1, 3))
    assert not entry.covers(Finding("another", "3.1.2", "CVE-1"), date(2024, 1, 2))
    assert not entry.covers(Finding("one", "3.1.2", "CVE-2"), date(2024, 1, 2))


@pytest.mark.parametrize(
    ("version", "named"),
    [
        ("0.9", False),
        ("1.0", True),
        ("1.4", True),
        ("1.5", False),
        ("2.0rc1", False),
        ("2.1", True),
    ],
)
def test_a_version_is_compared_with_the_ranges(version: str, named: bool) -> None:
    events = [{"introduced": "1.0"}, {"fixed": "1.5"}, {"introduced": "2.0"}]
    package = {"ecosystem": "PyPI", "name": "Some.Thing"}
    affected = [{"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}]
    saved = Advisories((), [{"id": "X", "affected": affected}])
    assert bool(saved.search([Pinned("some-thing", version, ())])) is named
    assert not saved.search([Pinned("another", version, ())])


def test_the_lock_is_read_whole_but_for_what_linux_does_not_get() -> None:
    entries = [line for line in LOCK.read_text().splitlines() if "==" in line]
    foreign = [line for line in entries if "os_name == 'nt'" in line]
    assert len(pinned()) == len(entries) - len(foreign)
    assert all(package.hashes for package in pinned())
