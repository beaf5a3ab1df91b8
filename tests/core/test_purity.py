"""The fence around the core, checked in its source."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
from pathlib import Path

import freshkey.core
import pytest

MODULES = sorted(Path(freshkey.core.__file__).parent.glob("*.py"))
ALLOWED = frozenset(
    {"__future__", "collections", "dataclasses", "enum", "hashlib", "hmac", "math", "typing"}
)


def imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Import():
                names.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                assert node.level == 0, "imports are absolute"
                names.add(node.module or "")
            case _:
                pass
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_nothing_that_touches_the_world_is_imported(module: Path) -> None:
    for name in imported(module):
        inside = name == "freshkey.core" or name.startswith("freshkey.core.")
        assert inside or name.split(".")[0] in ALLOWED, name


@pytest.mark.parametrize("name", ["actions", "events", "faults", "lease", "policy", "state"])
def test_state_events_and_actions_are_frozen(name: str) -> None:
    module = importlib.import_module(f"freshkey.core.{name}")
    classes = [c for _, c in inspect.getmembers(module, dataclasses.is_dataclass)]
    assert classes
    for found in classes:
        assert vars(found)["__dataclass_params__"].frozen, found
