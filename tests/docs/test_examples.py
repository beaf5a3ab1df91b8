"""Every configuration on a page is one that the agent takes."""

from __future__ import annotations

import shlex
import tomllib
from typing import TYPE_CHECKING

import pytest
from freshkey.settings import load

from tests.docs.pages import PAGES, ROOT, blocks, commands
from tests.settings.files import AUTH, KEY, NO_VARIABLES, VAULT, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.pages import Block

OF_CODEX = "[model_providers.openai-freshkey]"
EXAMPLES = [block for page in PAGES for block in blocks(page) if block.language == "toml"]


def completed(text: str) -> str:
    """An example with those tables that it leaves to the reader."""
    tables = tomllib.loads(text)
    if "vault" not in tables:
        text += f"\n[vault]\n{VAULT}\n"
    if "auth" not in tables:
        text += f"\n[auth]\n{AUTH}\n"
    keys = tables.get("keys", {"billing": {}})
    for name in (name for name, key in keys.items() if not key.keys() & {"path", "source"}):
        text += f"\n[keys.{name}]\n{KEY}\n"
    return text


@pytest.mark.parametrize("block", EXAMPLES, ids=lambda block: f"{block.page}: {block.first}")
def test_it_has_no_fault(block: Block, tmp_path: Path) -> None:
    text = block.text.replace("/etc/freshkey/templates", str(ROOT / "configs" / "templates"))
    text = text.replace("…", "1")  # ids that OpenAI gives
    if block.first == OF_CODEX:
        asked = tomllib.loads(text)["model_providers"]["openai-freshkey"]["auth"]
        assert f"$({shlex.join([asked['command'], *asked['args']])})" in commands("command")
        return
    settings = load(written(tmp_path, completed(text)), NO_VARIABLES)
    written_keys = tomllib.loads(text).get("keys", {"billing": {}})
    assert settings.keys.keys() == written_keys.keys()


def test_there_are_many() -> None:
    assert len(EXAMPLES) > 20
