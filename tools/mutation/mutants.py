"""All mutants of a module: where each stands, and the code with one of them in it."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tools.mutation.mutators import CONDITION, left_out, mutations, returned

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import CodeType

_SKIPPED = frozenset({"annotation", "returns", "decorator_list", "bases", "type_params"})


class Mutant(NamedTuple):
    """One change. `path`, `scope`, and `change` name it, as the list of survivors does.

    `scope` is the function or class, empty for the module. `at_import`: what is changed is done
    when the module is imported, not when a function is called. From `line` to `last` stands the
    changed statement, without those in it; `number` counts the mutants of the module.
    """

    path: str
    scope: str
    change: str
    line: int
    last: int
    number: int
    at_import: bool

    @property
    def name(self) -> str:
        """What stays the same when lines are added above it."""
        return f"{self.path} {self.scope or '(module)'}: {self.change}"

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.scope or '(module)'}: {self.change}"


class _Scope(NamedTuple):
    """What a node stands in."""

    name: str
    function: ast.FunctionDef | None
    statement: ast.stmt


class _Place(NamedTuple):
    """A field of a node, with the item of it if it is a list, and what may stand there."""

    node: ast.AST
    field: str
    item: int | None
    before: ast.AST
    after: ast.AST
    scope: _Scope


def mutants(path: Path, root: Path) -> list[Mutant]:
    """List the mutants of a module."""
    relative = str(path.relative_to(root))
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for number, place in enumerate(_parsed(path.read_text())[1]):
        scope = place.scope
        change = f"{_text(place.before)} → {_text(place.after)}"
        seen[scope.name, change] += 1
        nth = seen[scope.name, change]
        change += f" ({nth})" if nth > 1 else ""
        lines = _lines(scope.statement)
        found.append(Mutant(relative, scope.name, change, *lines, number, scope.function is None))
    return found


def compiled(path: Path, number: int) -> CodeType:
    """Return the code of a module with the mutant of this number in it."""
    tree, places = _parsed(path.read_text())
    place = places[number]
    _put(place, ast.copy_location(place.after, place.before))
    code = compile(ast.fix_missing_locations(tree), str(path), "exec")
    _put(place, place.before)
    return code


@cache
def _parsed(source: str) -> tuple[ast.Module, list[_Place]]:
    tree = ast.parse(source)
    return tree, list(_places(tree))


def _lines(statement: ast.stmt) -> tuple[int, int]:
    inner = [node.lineno for node in ast.walk(statement) if isinstance(node, ast.stmt)]
    inner.remove(statement.lineno)
    last = statement.end_lineno or statement.lineno
    return statement.lineno, max(statement.lineno, min([last, *(line - 1 for line in inner)]))


def _put(place: _Place, node: ast.AST) -> None:
    if place.item is None:
        setattr(place.node, place.field, node)
    else:
        getattr(place.node, place.field)[place.item] = node


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.match_case):
        guard = "" if node.guard is None else f" if {ast.unparse(node.guard)}"
        return f"case {ast.unparse(node.pattern)}{guard}"
    text = " ".join(ast.unparse(node).split())
    return "(removed)" if text == "pass" else text


def _places(tree: ast.Module) -> Iterator[_Place]:
    for index, statement in enumerate(tree.body):
        yield from _at(tree, "body", index, statement, _Scope("", None, statement))


def _at(
    parent: ast.AST, field: str, item: int | None, node: ast.AST, scope: _Scope
) -> Iterator[_Place]:
    """Give what may stand in the place of a node, then what may in it."""
    if _is_no_matter(node):
        return
    if isinstance(node, ast.stmt):
        scope = scope._replace(statement=node)
    for after in _afters(field, node, scope.function):
        yield _Place(parent, field, item, node, after, scope)
    inner = _inside(node, scope)
    for name, value in ast.iter_fields(node):
        if name in _SKIPPED or (isinstance(node, ast.ClassDef) and name == "keywords"):
            continue
        # Defaults of arguments are made with the function.
        within = scope._replace(name=inner.name) if isinstance(value, ast.arguments) else inner
        children = value if isinstance(value, list) else [value]
        for number, child in enumerate(children):
            if isinstance(child, ast.AST):
                item = number if isinstance(value, list) else None
                yield from _at(node, name, item, child, within)


def _inside(node: ast.AST, scope: _Scope) -> _Scope:
    """Return the scope of what stands in a node; a function in another one is part of that."""
    if not isinstance(node, ast.FunctionDef | ast.ClassDef):
        return scope
    function = node if isinstance(node, ast.FunctionDef) else None
    name = node.name if not scope.name else f"{scope.name}.{node.name}"
    return _Scope(name if scope.function is None else scope.name, function, node)


def _afters(field: str, node: ast.AST, function: ast.FunctionDef | None) -> Iterator[ast.AST]:
    yield from mutations(node)
    if field in {"test", "guard", "ifs"} and isinstance(node, ast.expr):
        yield from CONDITION
    if function is not None and isinstance(node, ast.stmt):
        yield from left_out(node, function)
        if isinstance(node, ast.Return):
            yield from returned(node, function)


def _is_no_matter(node: ast.AST) -> bool:
    """Whether nothing in there can be wrong at run time: imports, types, texts."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="assert_never"))):
            return True
        case ast.Assign(value=ast.BinOp(op=ast.BitOr()) as union):  # of types: mypy closes it
            names = (name.id for name in ast.walk(union) if isinstance(name, ast.Name))
            return not any(name.isupper() for name in names)
        case _:
            return False
