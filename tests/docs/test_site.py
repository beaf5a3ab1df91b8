"""The site of docs/: built whole, with a page for everything that has a name, and nothing dead."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from freshkey.core.model.faults import FaultKind
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from tests.docs.pages import ROOT
from tools.event_words import WORDS
from tools.reference.commands import commands
from tools.reference.options import tables
from tools.site.staging import stage

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-m", "tools.site", target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


class Loaded(HTMLParser):
    """Collects what a page loads, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.add(str(found["id"]))
        source = found.get("src") or (found.get("href") if tag == "link" else None)
        if source:
            self.loaded.append(source)
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))


def test_no_link_is_dead_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = {page: Loaded(page.read_text()) for page in site.rglob("*.html")}
    assert len(pages) > 250
    for page, found in pages.items():
        for link in (*found.loaded, *found.links):
            if re.match(r"(https?|mailto|data):", link):
                assert link not in found.loaded, link
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            target = target / "index.html" if target.is_dir() else target
            assert target.exists() or page.name == "404.html", f"{page}: {link}"
            if anchor and target in pages and not anchor.startswith("__"):
                assert anchor in pages[target].ids, f"{page}: {link}"


def test_everything_that_has_a_name_has_a_page_that_is_found(site: Path) -> None:
    reference = site / "reference"
    for kind, names in (
        ("commands", {command.name for command in commands()}),
        ("events", set(WORDS)),
        ("faults", {kind.value for kind in FaultKind}),
    ):
        made = {page.stem for page in (reference / kind).iterdir()} - {"index"}
        assert made == names
    options = [option for table in tables() for option in table.options]
    assert len(list((reference / "options").iterdir())) == len(options) + 1
    assert (reference / "metrics" / "freshkey_key_stale.html").exists()
    index = json.loads((site / "search" / "search_index.json").read_text())["docs"]
    found = {entry["location"] for entry in index}
    assert {
        "reference/options/keys-NAME.max_stale.html",
        "reference/events/mint.abandoned.html",
    } <= found


def test_a_dead_link_would_be_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage(tmp_path / "pages")
    with (tmp_path / "pages" / "index.md").open("a") as page:
        page.write("\n[dead](nowhere.md)\n")
    monkeypatch.chdir(tmp_path)
    config = load_config(
        str(ROOT / "tools" / "site" / "mkdocs.yml"),
        docs_dir=str(tmp_path / "pages"),
        site_dir=str(tmp_path / "site"),
    )
    with pytest.raises(Abort):
        build(config)
