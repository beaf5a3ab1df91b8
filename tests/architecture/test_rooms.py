"""The picture of DESIGN.md stays true: each room imports what its own docstring allows, no more."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import freshkey
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(freshkey.__file__).parent
DESIGN = Path(__file__).parents[2] / "DESIGN.md"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = sorted(path.parent for path in MODULES if path.name == "__init__.py")[1:]
ALLOWED = re.compile(r"^May import: (.+)\.$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([a-z0-9/]+)/` \| (.+) \| (.+) \|$", re.MULTILINE)
NOTHING = "nothing else"


def name_of(room: Path) -> str:
    return ".".join(room.relative_to(PACKAGE).parts)


def purpose(room: Path) -> tuple[str, str]:
    """What a room is for, and what it may import, as its docstring says."""
    docstring = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    (allowed,) = ALLOWED.findall(docstring) or ["?"]
    sentence = docstring.partition("\n\n")[0].partition(". ")[0].removesuffix(".")
    return sentence, " ".join(allowed.split()).removesuffix(" of freshkey")


def imports(path: Path) -> Iterator[str]:
    """Every module of the package that is imported anywhere in a file, for types too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("freshkey"))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("freshkey"):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                path = PACKAGE.joinpath(*name.split(".")[1:])
                known = path.is_dir() or path.with_suffix(".py").exists()
                yield name if known else node.module


def foreign_imports(room: Path) -> set[str]:
    """What the modules directly in a room import from other rooms, without the package's name."""
    own = name_of(room)
    found = {name.partition(".")[2] for path in room.glob("*.py") for name in imports(path)} - {""}
    return {name for name in found if name.rpartition(".")[0] != own and name != own}


def covers(allowed: str, name: str) -> bool:
    return name == allowed or name.startswith(f"{allowed}.")


def test_the_top_level_holds_rooms_only() -> None:
    loose = {path.name for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__.py", "__main__.py"}
    assert {path.parent for path in MODULES} - {PACKAGE} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_a_room_imports_what_it_says(room: Path) -> None:
    _, allowed = purpose(room)
    listed = [] if allowed == NOTHING else allowed.split(", ")
    found = foreign_imports(room)
    assert not {name for name in found if not any(covers(one, name) for one in listed)}
    unused = {one for one in listed if not any(covers(one, name) for name in found)}
    assert not unused, "allowed, and not needed"


def test_no_two_rooms_import_each_other() -> None:
    rooms = {name_of(room) for room in ROOMS}

    def room_of(module: str) -> str:
        while module not in rooms:
            module = module.rpartition(".")[0]
        return module

    needs = {name_of(room): {room_of(name) for name in foreign_imports(room)} for room in ROOMS}
    done: set[str] = set()
    while ready := {room for room, needed in needs.items() if room not in done and needed <= done}:
        done |= ready
    assert not rooms - done, "these are in a circle, or need one that is"


def test_the_table_of_the_design_is_what_the_rooms_say() -> None:
    rows = {name: (job, allowed) for name, job, allowed in ROW.findall(DESIGN.read_text())}
    assert rows == {name_of(room).replace(".", "/"): purpose(room) for room in ROOMS}
