"""The pages of docs/, and what is in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
# A block between fences, with its marker; or one that is indented, with an empty line before it.
_BLOCK = re.compile(
    r"(?:^ *<!-- runs: (?P<name>[a-z0-9-]+) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$"
    r"|(?<=\n\n)(?P<indented>(?:    [^\n]*\n)+)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of code: its page, its language, and the name by which a test runs it."""

    page: str
    language: str
    name: str | None
    text: str

    @property
    def first(self) -> str:
        """Its first line, without what is around it."""
        return self.text.strip().split("\n")[0].strip()


def blocks(page: Path) -> Iterator[Block]:
    """Every block of code of a page."""
    name = str(page.relative_to(ROOT))
    for found in _BLOCK.finditer(page.read_text()):
        text = dedent(found["indented"] or found["text"])
        yield Block(name, found["language"] or "", found["name"], text)


def commands(name: str) -> str:
    """The block `<!-- runs: NAME -->`, on whichever page it is."""
    (block,) = (each for page in PAGES for each in blocks(page) if each.name == name)
    return block.text


def tables(page: str) -> list[str]:
    """The blocks of TOML of a page."""
    return [each.text for each in blocks(DOCS / page) if each.language == "toml"]


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
    lines = [
        line.strip()
        for block in blocks(page)
        if block.language in {"", "sh", "console"}
        for line in block.text.splitlines()
    ]
    lines += re.findall(r"`(freshkey [a-z]+ [^`\n]*)`", text)
    found = [re.search(r"(?:^|[|;&] ?)(freshkey [a-z].*)", line) for line in lines]
    return [re.split(r" +#| [|>] | &&", each[1])[0] for each in found if each]
