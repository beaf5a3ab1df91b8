"""Which machine this is, and which boot of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_MACHINE_ID: Final = Path("/etc/machine-id")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{32}")


def machine_id(path: Path = _MACHINE_ID) -> str | None:
    """The 32 hex digits of machine-id(5); None where it is missing, empty, or not set yet."""
    return _identifier(path)


def boot_id(path: Path = _BOOT_ID) -> str | None:
    """The 32 hex digits that the kernel drew at boot (random(4)); None where /proc hides them."""
    return _identifier(path)


def _identifier(path: Path) -> str | None:
    try:
        text = path.read_text("ascii").strip().replace("-", "")
    except (OSError, UnicodeDecodeError):
        return None
    return text if _HEXADECIMAL.fullmatch(text) else None
