"""Puts the pages of the repository where the site has them, with links that lead there."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Final

from tools.site.entries import Kind, kinds

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
STYLE: Final = Path(__file__).with_name("site.css")
_CODE: Final = r"```.*?```|`[^`\n]*`"
_TARGET: Final = r"(?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?"
_LINK: Final = re.compile(rf"({_CODE})|\]\({_TARGET}\)", re.DOTALL)


def stage(target: Path) -> None:
    """Make the directory that the generator reads."""
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    for page in pages:
        place = target / _place(page)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(_relinked(page, target))
    shutil.copy(STYLE, target)
    for kind in kinds():
        _write(kind, target / "reference" / kind.name)


def _place(path: Path) -> Path:
    """Say where a file of the repository is on the site: docs/ is its root."""
    if path == ROOT / "README.md":
        return Path("index.md")
    return path.relative_to(DOCS if path.is_relative_to(DOCS) else ROOT)


def _relinked(page: Path, target: Path) -> str:
    here = _place(page).parent

    def change(match: re.Match[str]) -> str:
        if match[1]:
            return match[1]
        linked = (page.parent / match[2]).resolve()
        place = _place(linked)
        if linked.suffix != ".md":  # an example, which is shown as it is
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(linked, target / place)
        return f"]({os.path.relpath(place, here)}{match[3] or ''})"

    return _LINK.sub(change, page.read_text())


def _write(kind: Kind, directory: Path) -> None:
    directory.mkdir(parents=True)
    lines = [
        f"# {kind.title}",
        "",
        f"All on one page: [{kind.title.lower()}](../../{kind.page}).",
        "",
    ]
    for entry in kind.entries:
        (directory / f"{entry.name}.md").write_text(f"# {entry.title}\n\n{entry.text}\n")
        lines.append(f"- [{entry.title}]({entry.name}.md)")
    (directory / "index.md").write_text("\n".join(lines) + "\n")
