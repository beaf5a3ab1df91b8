"""Values are structs: what compiles methods for each class made a start a third slower."""

from __future__ import annotations

import ast
from pathlib import Path

import freshkey
import pytest

PACKAGE = Path(freshkey.__file__).parent
SLOW = {"attr", "attrs", "dataclasses"}
EXCUSED = {"core/model/struct.py"}  # for mypy, which knows `dataclasses.replace`


@pytest.mark.parametrize(
    "module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_class_is_made_slowly(module: Path) -> None:
    imported: set[str | None] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Import():
                imported.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                imported.add(node.module)
    assert not SLOW & imported or str(module.relative_to(PACKAGE)) in EXCUSED
