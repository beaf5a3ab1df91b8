"""The programs of docs/applications.md and docs/gateway.md, each ready to be run as it stands."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import freshkey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.apps.site import Site

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [ROOT / "docs" / name for name in ("applications.md", "gateway.md")]
APPS: Final = ROOT / ".venv-apps" / "bin" / "python"
NODE_MODULES: Final = Path(__file__).parent / "node" / "node_modules"
MODEL: Final = "gpt-5-mini"

_BLOCK: Final = re.compile(
    r"^<!-- runs: ([a-z0-9-]+) -->\n```(python|js|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL
)
_ENDINGS: Final = {"python": "py", "js": "mjs", "sh": "sh"}
_ASK_TWICE: Final = {
    *("openai-file", "openai-socket", "openai-asyncio", "openai-trio"),
    *("heal", "langchain", "gateway-python", "gateway-python-socket"),
}
_WITH_APPS: Final = {"heal-before-3", "langchain", "litellm", "requests"}


@dataclass(frozen=True)
class Program:
    """One program: its name on the page, its language, its text, the lines it answers with."""

    name: str
    language: str
    text: str

    @property
    def lines(self) -> int:
        """How many lines it answers each question with: one for each request that it sends."""
        return 2 if self.name in _ASK_TWICE else 1

    @property
    def model(self) -> str:
        """What it asks: a model of its own, by which the emulator counts its requests."""
        # LiteLLM prints lines of its own about a model that it does not know.
        return MODEL if self.name == "litellm" else f"{MODEL}-{self.name}"

    def missing(self) -> str | None:
        """Say what this machine lacks to run it."""
        if self.name == "shell-credential" and not shutil.which("nc"):
            return "there is no nc on this machine: apt-get install netcat-openbsd"
        if self.language != "js":
            return None
        if not shutil.which("node"):
            return "there is no node on this machine"
        return None if NODE_MODULES.exists() else "npm has not installed tests/apps/node"

    def command(self, directory: Path, site: Site) -> list[str]:
        """Write it to a directory; return what runs it there.

        This is all that is changed: the places of the agent, the address of OpenAI, and the model.
        """
        text = self.text
        for documented, here in (
            ("/run/freshkey/freshkey.sock", str(site.socket)),
            ("/run/freshkey/billing.cred", str(site.credential)),
            ("/run/freshkey/keys", str(site.keys)),
            ("https://api.openai.com/v1", site.base_url),
            ("/run/freshkey/openai.sock", str(site.gateway_socket)),
            ("http://127.0.0.1:8317/v1", site.gateway_url),
            (MODEL, self.model),
        ):
            text = text.replace(documented, here)
        # Not its own name: what is called httpx.py would be imported as httpx.
        path = directory / f"program.{_ENDINGS[self.language]}"
        path.write_text(text)
        if self.language == "js":
            (directory / "node_modules").symlink_to(NODE_MODULES)
            return ["node", str(path)]
        if self.language == "sh":
            return ["sh", str(path)]
        return [str(APPS) if self.name in _WITH_APPS else sys.executable, str(path)]


def environment(directory: Path, site: Site) -> Mapping[str, str]:
    """Return all the variables that a program has."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {
        "PATH": path,
        "HOME": str(directory),
        "OPENAI_BASE_URL": site.base_url,
        "FRESHKEY_SOCKET": str(site.socket),
        # In .venv-apps the agent's libraries are missing: the client needs none.
        "PYTHONPATH": str(Path(freshkey.__file__).parents[1]),
        "PYTHONUNBUFFERED": "1",  # a pipe reads the answers
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it would fetch prices from the network
        "LANGSMITH_TRACING": "false",
    }


def programs() -> list[Program]:
    """Return the programs in their order on the pages."""
    return [Program(*found) for page in PAGES for found in _BLOCK.findall(page.read_text())]


def fences() -> list[str]:
    """Return the languages of all blocks of the pages that a program could be in."""
    text = "\n".join(page.read_text() for page in PAGES)
    return re.findall(r"^```(python|js|sh|javascript|bash)$", text, re.MULTILINE)
