"""Remakes packaging/licences: the licence texts of the Rust crates in wheels, which have none.

    python -m tools.audit.texts

Cargo fetches the source of each crate in the bill, in its version. A text that several crates have
is there once, and named after the first of them; index.toml says which texts each crate came with.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from tools.audit.compiled import compiled_into
from tools.audit.lock import ROOT, pinned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.audit.compiled import Compiled

TEXTS: Final = ROOT / "packaging" / "licences"
INDEX: Final = TEXTS / "index.toml"
HEAD: Final = """\
# Which of the texts here each Rust crate in watchfiles came with. A text that several have is here
# once, and named after the first of them. `python -m tools.audit.texts` remakes all of this.
"""
_TEXT: Final = re.compile(r"(un)?licen[cs]e|copying|copyright|notice|authors", re.IGNORECASE)


def main() -> None:
    """Write TEXTS anew."""
    crates = crates_in_wheels()
    with TemporaryDirectory() as scratch:
        index, texts = gathered(_vendored(Path(scratch), crates), crates)
    shutil.rmtree(TEXTS, ignore_errors=True)
    TEXTS.mkdir()
    for name, content in texts.items():
        (TEXTS / name).write_bytes(content)
    lines = [f'"{crate}" = {json.dumps(names)}\n' for crate, names in index.items()]
    INDEX.write_text(HEAD + "".join(lines))


def crates_in_wheels() -> list[Compiled]:
    """Return those that are compiled into a package of the lock."""
    parts = (part for package in pinned() for part in compiled_into(package.name))
    return [part for part in parts if part.purl.startswith("pkg:cargo/")]


def gathered(
    vendored: Path, crates: Iterable[Compiled]
) -> tuple[dict[str, list[str]], dict[str, bytes]]:
    """Return the names of each crate's texts, and the texts; SystemExit for a crate without any."""
    index: dict[str, list[str]] = {}
    named: dict[bytes, str] = {}
    for crate in crates:
        files = sorted(
            path
            for path in (vendored / f"{crate.name}-{crate.version}").iterdir()
            if path.is_file() and _TEXT.match(path.name)
        )
        if not files:
            sys.exit(f"texts: {crate.name} {crate.version} comes without a licence text")
        index[f"{crate.name} {crate.version}"] = [
            named.setdefault(path.read_bytes(), f"{path.name}.{crate.name}") for path in files
        ]
    return index, {name: content for content, name in named.items()}


def _vendored(scratch: Path, crates: Iterable[Compiled]) -> Path:
    """Have cargo fetch the source of crates; return where it is, by name and version."""
    (scratch / "src").mkdir()
    (scratch / "src" / "lib.rs").touch()
    lines = ["[package]", 'name = "texts"', 'edition = "2021"', "[dependencies]"]
    lines += [
        f'crate-{number} = {{ package = "{crate.name}", version = "={crate.version}" }}'
        for number, crate in enumerate(crates)
    ]
    (scratch / "Cargo.toml").write_text("\n".join(lines))
    command = ["cargo", "vendor", "--quiet", "--versioned-dirs", "vendored"]
    subprocess.run(command, cwd=scratch, stdout=subprocess.DEVNULL, check=True)
    return scratch / "vendored"


if __name__ == "__main__":
    main()
