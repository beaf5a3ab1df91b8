"""The pages of docs/, and what is in them."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def commands(name: str) -> str:
    """The commands of the block `<!-- runs: NAME -->`, on whichever page it is."""
    pattern = rf"<!-- runs: {name} -->\n *```sh\n(.*?)```"
    found = [match for page in PAGES for match in re.findall(pattern, page.read_text(), re.DOTALL)]
    (block,) = found
    return dedent(block)


def tables(page: str) -> list[str]:
    """The blocks of TOML of a page."""
    return re.findall(r"```toml\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def links(page: Path) -> list[str]:
    """Where the links of a page lead, as they are written."""
    return _LINK.findall(_CODE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", _CODE.sub("", page.read_text()), re.MULTILINE)
    headings += re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def freshkey_commands(page: Path) -> list[str]:
    """Every line of code of a page that calls freshkey, without its comment and what is around."""
    text = page.read_text()
    blocks = re.findall(r"```(?:sh|console)?\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    lines += [line.strip() for line in re.findall(r"^    (freshkey .*)$", text, re.MULTILINE)]
    lines += re.findall(r"`(freshkey [a-z]+ [^`\n]*)`", text)
    found = [re.search(r"(?:^|[|;&] ?)(freshkey [a-z].*)", line) for line in lines]
    return [re.split(r" +#| [|>] ", each[1])[0] for each in found if each]
