"""What is changed: each mutator takes a node of the syntax tree, and gives what could stand there.

Texts are left alone: the names of events and their fields are held by tests of docs/events.md.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import singledispatch
from itertools import pairwise
from typing import TypeVar

_Item = TypeVar("_Item")

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.Mult,
}
_COUNTERPARTS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_TELLING = frozenset({"tell", "audit", "audited"})  # their fields stand in docs/events.md
_SHAPES = frozenset({"tuple", "list", "set", "frozenset", "dict", "float", "iter"})  # mypy's
_SYMMETRIC = frozenset({"min", "max", "isinstance", "replace", "draw", *_TELLING})
_FALSE = ast.Constant(value=False)
CONDITION = (ast.Constant(value=True), _FALSE)
"""What a condition becomes when nobody asks for it."""


@singledispatch
def mutations(_node: ast.AST) -> Iterator[ast.AST]:
    """Give everything that could stand in the place of a node."""
    yield from ()


@mutations.register
def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for index, op in enumerate(node.ops):
        for other in _COMPARISONS[type(op)]:
            ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)


@mutations.register
def _joined(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    for values in _one_less(node.values):
        yield ast.BoolOp(node.op, values) if len(values) > 1 else values[0]


@mutations.register
def _signed(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield node.operand


@mutations.register
def _counted(node: ast.BinOp) -> Iterator[ast.AST]:
    if isinstance(node.op, ast.BitOr):  # of types
        yield from (node.left, node.right)
    if type(node.op) in _OPERATORS:
        yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)


@mutations.register
def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool() as value:
            yield ast.Constant(not value)
        case int() | float() as value:
            yield ast.Constant(value + 1)


@mutations.register
def _endless(node: ast.Name) -> Iterator[ast.AST]:
    if node.id == "inf":
        yield ast.Constant(0.0)


@mutations.register
def _chosen(node: ast.IfExp) -> Iterator[ast.AST]:
    yield from (node.body, node.orelse)


@mutations.register
def _listed(node: ast.Tuple) -> Iterator[ast.AST]:
    if isinstance(node.ctx, ast.Load):
        yield from (ast.Tuple(elts, node.ctx) for elts in _one_less(node.elts))


@mutations.register
def _held(node: ast.Set) -> Iterator[ast.AST]:
    yield from (ast.Set(elts) for elts in _one_less(node.elts))


@mutations.register
def _either(node: ast.MatchOr) -> Iterator[ast.AST]:
    for patterns in _one_less(node.patterns):
        yield ast.MatchOr(patterns) if len(patterns) > 1 else patterns[0]


@mutations.register
def _matched(node: ast.MatchClass) -> Iterator[ast.AST]:
    """Match whatever the value of an attribute that is not captured."""
    for index, pattern in enumerate(node.kwd_patterns):
        if isinstance(pattern, ast.MatchValue | ast.MatchSingleton | ast.MatchClass):
            attributes = [*node.kwd_attrs[:index], *node.kwd_attrs[index + 1 :]]
            patterns = [*node.kwd_patterns[:index], *node.kwd_patterns[index + 1 :]]
            yield ast.MatchClass(node.cls, node.patterns, attributes, patterns)


@mutations.register
def _met(node: ast.match_case) -> Iterator[ast.AST]:
    takes_all = isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None
    if node.guard is None and not takes_all:
        yield ast.match_case(node.pattern, _FALSE, node.body)


@mutations.register
def _called(node: ast.Call) -> Iterator[ast.AST]:
    """Leave out the call, or a named argument; swap two arguments; ask for the opposite."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
    if name in _COUNTERPARTS and isinstance(node.func, ast.Name):
        yield ast.Call(ast.Name(_COUNTERPARTS[name], ast.Load()), node.args, node.keywords)
    if name in {"min", "max"}:
        yield from (a for a in node.args if not isinstance(a, ast.Starred) and len(node.args) > 1)
    elif node.args and isinstance(node.args[0], ast.Name | ast.Call) and name not in _SHAPES:
        yield from () if name in _TELLING else (node.args[0],)
    if name not in _TELLING and all(keyword.arg is not None for keyword in node.keywords):
        for index in range(len(node.keywords)):
            keywords = [*node.keywords[:index], *node.keywords[index + 1 :]]
            yield ast.Call(node.func, node.args, keywords)
    if name not in _SYMMETRIC:
        for index, (first, second) in enumerate(pairwise(node.args)):
            if "context" not in {ast.unparse(first), ast.unparse(second)}:  # mypy sees that
                args = [*node.args[:index], second, first, *node.args[index + 2 :]]
                yield ast.Call(node.func, args, node.keywords)


def left_out(node: ast.stmt, function: ast.FunctionDef) -> Iterator[ast.stmt]:
    """Give what stands in the place of a statement without which the function still works."""
    match node:
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()
        case ast.Assign(targets=[target]):
            names = {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
            if names <= _known_before(node, function):
                yield ast.Pass()


def returned(node: ast.Return, function: ast.FunctionDef) -> Iterator[ast.Return]:
    """Give what a function could return: what it was given, if it returns the like."""
    if node.value is None or function.returns is None:
        return
    wanted = ast.unparse(function.returns)
    for argument in (*function.args.args, *function.args.kwonlyargs):
        alike = argument.annotation is not None and ast.unparse(argument.annotation) == wanted
        if alike and ast.unparse(node.value) != argument.arg:
            yield ast.Return(ast.Name(argument.arg, ast.Load()))
    if wanted == "bool":
        yield ast.Return(ast.UnaryOp(ast.Not(), node.value))
    if wanted.endswith("| None") and ast.unparse(node.value) != "None":
        yield ast.Return(ast.Constant(None))


def _known_before(node: ast.stmt, function: ast.FunctionDef) -> set[str]:
    arguments = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    return arguments | {
        name.id
        for name in ast.walk(function)
        if isinstance(name, ast.Name)
        and isinstance(name.ctx, ast.Store)
        and name.lineno < node.lineno
    }


def _one_less(items: list[_Item]) -> Iterator[list[_Item]]:
    """Leave out each item once, if another one stays."""
    for index in range(len(items) if len(items) > 1 else 0):
        yield [*items[:index], *items[index + 1 :]]
