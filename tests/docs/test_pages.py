"""Pages hold what they promise: every link leads somewhere, and every name of the code is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml
from freshkey.core.model.faults import FaultKind

from tests.docs.pages import DOCS, PAGES, ROOT, anchors, links

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.relative_to(ROOT)}")
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        if anchor:
            assert anchor in anchors(path), link


def test_every_page_can_be_found_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        targets = {(page.parent / link.partition("#")[0]).resolve() for link in links(page)}
        waiting += [each for each in targets - seen if each.suffix == ".md" and each.exists()]
    assert {page for page in PAGES if page not in seen} == set()


def rows(page: str, heading: str) -> set[str]:
    """The names in the first column of the table below a heading."""
    text = (DOCS / page).read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_there_is_advice_for_every_fault_and_every_alert() -> None:
    assert rows("operating.md", "What to do when …") == {kind.value for kind in FaultKind}
    groups = yaml.safe_load((ROOT / "configs" / "prometheus" / "alerts.yaml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"]}
    assert rows("operating.md", "What to do when an alert fires") == alerts
