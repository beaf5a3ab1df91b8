"""Who writes to standard error directly may wait there for ever: there is one door to it."""

from pathlib import Path

import freshkey

PACKAGE = Path(freshkey.__file__).parent
DOOR = {
    "logs/standard_error.py",  # the door itself
    "logs/setup.py",  # asks whether a test has replaced it
}


def test_nobody_else_names_it() -> None:
    named = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if "sys.stderr" in path.read_text()
    }
    assert named == DOOR
