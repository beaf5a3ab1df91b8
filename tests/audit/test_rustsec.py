"""Advisories of RustSec say the same in OSV's format."""

from __future__ import annotations

import pytest

from tools.audit.advisories import Advisories
from tools.audit.compiled import Compiled
from tools.audit.rustsec import as_osv

HEAD = """```toml
[advisory]
id = "RUSTSEC-1"
package = "some-thing"
aliases = ["CVE-2", "CVE-1"]
{more}
[versions]
{versions}
```

# Words
"""


def advisory(versions: str, more: str = "") -> str:
    return HEAD.format(versions=versions, more=more)


@pytest.mark.parametrize(
    ("versions", "affected", "others"),
    [
        ('patched = [">= 1.2.3"]', ["0.0.1", "1.2.2"], ["1.2.3", "2.0.0"]),
        (
            'patched = [">= 1.2.3"]\nunaffected = ["< 1.0.0"]',
            ["1.0.0", "1.2.2"],
            ["0.9.9", "1.2.3"],
        ),
        (
            'patched = [">= 0.5.15"]\nunaffected = ["<= 0.5.11"]',
            ["0.5.12", "0.5.14"],
            ["0.5.11", "0.5.15"],
        ),
        ('patched = []\nunaffected = [">= 2.0.0"]', ["1.0.0"], ["2.0.0"]),
        ("patched = []", ["0.0.1", "9.0.0"], []),
    ],
)
def test_a_version_is_affected_that_is_neither_patched_nor_unaffected(
    versions: str, affected: list[str], others: list[str]
) -> None:
    known = as_osv(advisory(versions))
    assert known is not None
    assert (known["id"], known["aliases"]) == ("RUSTSEC-1", ["CVE-1", "CVE-2"])
    saved = Advisories((), [known])

    def is_named(version: str) -> bool:
        crate = Compiled("some-thing", version, None, f"pkg:cargo/some-thing@{version}")
        return bool(saved.search([crate]))

    assert all(map(is_named, affected))
    assert not any(map(is_named, others))


def test_one_that_was_withdrawn_says_nothing() -> None:
    assert as_osv(advisory("patched = []", 'withdrawn = "2026-01-01"')) is None


@pytest.mark.parametrize(
    "text",
    [
        "no head",
        advisory("patched = []", 'license = "CC-BY-4.0"'),
        advisory('patched = ["^1.2"]'),
        advisory('patched = ["< 1.2.3"]'),
        advisory('patched = []\nunaffected = ["~1.2.3"]'),
        advisory('patched = []\nunaffected = ["< 1.2.3", "< 2.0.0"]'),
    ],
)
def test_what_is_not_understood_is_not_passed_over(text: str) -> None:
    with pytest.raises(ValueError, match=r"RustSec|RUSTSEC-1"):
        as_osv(text)
