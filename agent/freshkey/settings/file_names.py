"""Names of files, which are bytes to the system: the configuration means UTF-8, in any locale."""

import os
from pathlib import Path


def path_of(text: str) -> Path:
    """Return the file that a text names by its UTF-8; a byte that is none is a surrogate escape.

    Under a locale of another encoding the name looks odd, and is the same file. See PEP 383.
    """
    return Path(os.fsdecode(text.encode("utf-8", "surrogateescape")))


def path_text(path: Path) -> str:
    """Return the text of which `path_of` makes that path."""
    return os.fsencode(path).decode("utf-8", "surrogateescape")
