"""The fence around the core, checked in its source: no clock, no chance, no I/O; only values."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import freshkey.core
import msgspec
import pytest

PACKAGE = Path(freshkey.core.__file__).parents[1]
MODULES = sorted((PACKAGE / "core").rglob("*.py"))
ALLOWED = frozenset({"__future__", "collections", "enum", "hashlib", "hmac", "math"}) | {
    "dataclasses",  # for types alone, see core/model/struct.py
    "msgspec",
    "typing",
}
BUILTINS_THAT_TOUCH = frozenset({"open", "print", "input", "exec", "eval", "__import__"})
UNIONS = frozenset({"event", "order", "cycle", "key.cycle"})  # closed: mypy proves them exhausted


def each_module() -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
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


@each_module()
def test_nothing_that_touches_the_world_is_imported(module: Path) -> None:
    for name in imported(module):
        inside = name == "freshkey.core" or name.startswith("freshkey.core.")
        assert inside or name.split(".")[0] in ALLOWED, name


@each_module()
def test_nothing_that_touches_the_world_is_built_in(module: Path) -> None:
    nodes = list(ast.walk(ast.parse(module.read_text())))
    assert not {n.id for n in nodes if isinstance(n, ast.Name)} & BUILTINS_THAT_TOUCH
    assert not any(isinstance(n, ast.Global | ast.Nonlocal | ast.Await) for n in nodes)


@each_module()
def test_what_outlives_a_step_is_frozen(module: Path) -> None:
    found = importlib.import_module(
        ".".join(module.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    )
    for name, value in inspect.getmembers(found, inspect.isclass):
        if issubclass(value, msgspec.Struct) and name != "StepContext":  # which lives for one step
            assert value.__struct_config__.frozen, name
            assert not value.__dictoffset__, f"{name} can grow"


@each_module()
def test_a_match_over_a_closed_union_names_every_case(module: Path) -> None:
    """It has no default, or ends in `assert_never`, or the default is one of two stages."""
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Match) and ast.unparse(node.subject) in UNIONS:
            last = node.cases[-1]
            if isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None:
                assert not isinstance(last.body[0], ast.Pass), f"{module.stem}: {ast.unparse(node)}"
