"""What docs/gateway.md shows, to be done word for word."""

from __future__ import annotations

import re

from tests.docs.pages import DOCS

PAGE = DOCS / "gateway.md"


def block(name: str) -> str:
    """Return the block below `<!-- runs: NAME -->` or `<!-- loads: NAME -->`."""
    pattern = rf"^<!-- (?:runs|loads): {name} -->\n```\w+\n(.*?)^```"
    (found,) = re.findall(pattern, PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def here(text: str, places: dict[str, str]) -> str:
    """Put what is only here so in place of what the page says; all of it has to be there."""
    for documented, actual in places.items():
        assert documented in text, documented
        text = text.replace(documented, actual)
    return text
