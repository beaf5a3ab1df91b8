"""Make the site of docs/: `python -m tools.site DIRECTORY`. A dead link is an error."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort

from tools.site.staging import stage

CONFIG = Path(__file__).with_name("mkdocs.yml")


def main() -> int:
    """Stage the pages, and build."""
    (target,) = map(Path, sys.argv[1:])
    with TemporaryDirectory() as scratch:
        stage(Path(scratch))
        config = load_config(str(CONFIG), docs_dir=scratch, site_dir=str(target.resolve()))
        try:
            build(config)
        except Abort as error:
            print(f"docs: {error}", file=sys.stderr)
            return 1
    print(f"docs: {target / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
