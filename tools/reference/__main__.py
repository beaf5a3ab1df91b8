"""Make what is made from the code: `python -m tools.reference`, for man pages, shells, and docs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tools.reference.completions import SHELLS, completion
from tools.reference.man_pages import command_page, configuration_page
from tools.reference.markdown import configuration
from tools.reference.picture import rotation

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGING: Final = ROOT / "packaging"


def made() -> dict[Path, str]:
    """Return the content of each file."""
    return {
        PACKAGING / "man" / "freshkey.1": command_page(),
        PACKAGING / "man" / "freshkey.toml.5": configuration_page(),
        **{PACKAGING / "completions" / name: completion(shell) for shell, name in SHELLS.items()},
        ROOT / "docs" / "configuration.md": configuration(),
        ROOT / "docs" / "rotation.svg": rotation(),
    }


if __name__ == "__main__":
    for path, content in made().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
