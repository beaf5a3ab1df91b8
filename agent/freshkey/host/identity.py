"""Which machine this is, and which boot of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_MACHINE_ID: Final = Path("/etc/machine-id")
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_BOOT_ID_VARIABLE: Final = "FRESHKEY_BOOT_ID"
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]{32}")


def machine_id(path: Path = _MACHINE_ID) -> str | None:
    """The 32 hex digits of machine-id(5); None where it is missing, empty, or not set yet."""
    return _identifier(path)


def boot_id(path: Path = _BOOT_ID, environ: Mapping[str, str] = os.environ) -> str | None:
    """The 32 hex digits that the kernel drew at boot (random(4)); None where they can't be had.

    Where a sandbox hides /proc, the unit may pass them (%b in systemd.unit(5)).
    """
    return _identifier(path) or _hexadecimal(environ.get(_BOOT_ID_VARIABLE, ""))


def _identifier(path: Path) -> str | None:
    try:
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return _hexadecimal(text)


def _hexadecimal(text: str) -> str | None:
    digits = text.strip().replace("-", "")
    return digits if _HEXADECIMAL.fullmatch(digits) else None
