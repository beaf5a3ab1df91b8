"""`freshkey version`."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from freshkey import __version__

if TYPE_CHECKING:
    from argparse import Namespace


def version(_: Namespace) -> int:
    """Print the versions that a report of a fault should name."""
    print(f"freshkey {__version__}")
    print(f"Python {sys.version.split()[0]}")
    try:
        requirements = metadata.requires("freshkey") or ()
    except metadata.PackageNotFoundError:
        requirements = ()  # run from its sources, without being installed
    for requirement in sorted(requirements):
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            print(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            print(f"{name} is not installed")
    return 0
