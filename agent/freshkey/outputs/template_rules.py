"""What may stand in a template: a few statements and expressions, and nothing else of Jinja2.

So no template reaches an attribute of a Python object, calls anything, or loops without end, and
what it makes of a key is bounded by its own length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jinja2 import nodes

from freshkey.core.model.text import one_line
from freshkey.outputs.template_filters import FILTERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

KEYS: Final = "keys"
LOOP: Final = "loop"
MEMBERS: Final = ("key", "name", "tag", "generation", "not_after", "api_key_id")
LOOP_MEMBERS: Final = ("first", "last", "index", "index0", "length")

_MOST_FILTERS: Final = 8  # in one expression: each may make 64 KiB of what it gets
_DEEPEST: Final = 50  # Python takes no more than 100 levels of indentation
_OPERATORS: Final = (
    nodes.And,
    nodes.Compare,
    nodes.Concat,
    nodes.CondExpr,
    nodes.Not,
    nodes.Operand,
    nodes.Or,
)
_WORDS: Final = {
    nodes.Assign: "{% set %}",
    nodes.AssignBlock: "{% set %}",
    nodes.Block: "{% block %}",
    nodes.Call: "a call",
    nodes.CallBlock: "{% call %}",
    nodes.Const: "a number with a fraction",
    nodes.Dict: "a dictionary",
    nodes.Extends: "{% extends %}",
    nodes.FilterBlock: "{% filter %}",
    nodes.FromImport: "{% import %}",
    nodes.Import: "{% import %}",
    nodes.Include: "{% include %}",
    nodes.List: "a list",
    nodes.Macro: "{% macro %}",
    nodes.ScopedEvalContextModifier: "{% autoescape %}",
    nodes.Slice: "a slice",
    nodes.Test: "a test other than none",
    nodes.Tuple: "a list",
    nodes.With: "{% with %}",
}


class Inspector:
    """Walks through a template, and knows afterwards what is wrong with it.

    `problems` are lines, each with what is wrong there; `uses` names what is reached by `keys`.
    """

    def __init__(self, tree: nodes.Template, names: Collection[str]) -> None:
        self.problems: list[tuple[int, str]] = []
        self.uses: set[str] = set()
        self._names = names
        self._loop_variable: str | None = None
        self._depth = 0
        self._filters = 0
        self._statements(tree.body)

    def _refuse(self, node: nodes.Node, why: str) -> None:
        self.problems.append((node.lineno, one_line(why)))

    def _statements(self, statements: Iterable[nodes.Node]) -> None:
        self._depth += 1
        for node in statements:
            if self._depth > _DEEPEST:
                self._refuse(node, "nests too deep: write it flatter")
                break
            self._statement(node)
        self._depth -= 1

    def _statement(self, node: nodes.Node) -> None:
        match node:
            case nodes.Output():
                for part in node.nodes:
                    if not isinstance(part, nodes.TemplateData):
                        self._expression(part)
            case nodes.If():
                self._expression(node.test)
                self._statements(node.body)
                for other in node.elif_:
                    self._expression(other.test)
                    self._statements(other.body)
                self._statements(node.else_)
            case nodes.For():
                self._for(node)
            case nodes.Scope():  # around {% autoescape %}, and has no line
                self._statements(node.body)
            case _:
                self._refuse_kind(node)

    def _for(self, node: nodes.For) -> None:
        over_keys = isinstance(node.iter, nodes.Name) and node.iter.name == KEYS
        if not over_keys or node.test or node.recursive or node.else_:
            self._refuse(node, "{% for %} goes over keys alone: write {% for name in keys %}")
        elif self._loop_variable is not None:
            self._refuse(node, "{% for %} can't stand within another: end that first")
        elif not isinstance(node.target, nodes.Name):
            self._refuse(node, "{% for %} takes one variable: write {% for name in keys %}")
        elif node.target.name in {KEYS, *MEMBERS} - {"name"}:
            self._refuse(node, f"{node.target.name} is taken: write {{% for name in keys %}}")
        else:
            self._loop_variable = node.target.name
            self.uses.update(self._names)
            self._statements(node.body)
            self._loop_variable = None

    def _expression(self, node: nodes.Node) -> None:
        self._filters = 0
        self._value(node)
        if self._filters > _MOST_FILTERS:
            self._refuse(node, f"has more than {_MOST_FILTERS} filters: use fewer")

    def _value(self, node: nodes.Node) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._refuse(node, "nests too deep: write it flatter")
        else:
            self._value_of(node)
        self._depth -= 1

    def _value_of(self, node: nodes.Node) -> None:
        match node:
            case nodes.Const() if not isinstance(node.value, float):
                pass
            case nodes.Name():
                self._name(node)
            case nodes.Getattr() | nodes.Getitem():
                self._member(node)
            case nodes.Filter():
                self._filter(node)
            case nodes.Test() if node.name == "none" and not _has_arguments(node):
                self._value(node.node)
            case nodes.CondExpr(expr2=None):
                self._refuse(node, 'an if within an expression needs else: add else ""')
            case _ if isinstance(node, _OPERATORS):
                for operand in node.iter_child_nodes():
                    self._value(operand)
            case _:
                self._refuse_kind(node)

    def _name(self, node: nodes.Name) -> None:
        if node.name in (*MEMBERS, self._loop_variable):
            return
        if node.name == KEYS:
            self._refuse(node, "keys alone is no text: write keys.NAME.key")
        elif node.name == LOOP and self._loop_variable is not None:
            self._refuse(node, f"loop alone is no text: write loop.{LOOP_MEMBERS[0]}")
        else:
            known = ", ".join((*MEMBERS, KEYS))
            self._refuse(node, f"{node.name} is unknown: known here are {known}")

    def _filter(self, node: nodes.Filter) -> None:
        self._filters += 1
        if node.name not in FILTERS:
            known = ", ".join(FILTERS)
            self._refuse(node, f"the filter {node.name} is not taken: known are {known}")
        elif _has_arguments(node):
            self._refuse(node, f"the filter {node.name} takes nothing in parentheses: remove them")
        if node.node is not None:
            self._value(node.node)

    def _member(self, node: nodes.Getattr | nodes.Getitem) -> None:
        base, name = node.node, _member_name(node)
        if isinstance(base, nodes.Name) and base.name == LOOP and self._loop_variable is not None:
            if name not in LOOP_MEMBERS:
                known = ", ".join(LOOP_MEMBERS)
                self._refuse(node, f"loop has no {name or 'such member'}: it has {known}")
        elif isinstance(base, nodes.Getattr | nodes.Getitem) and _is_keys(base.node):
            self._key(base)
            if name not in MEMBERS:
                known = ", ".join(MEMBERS)
                self._refuse(node, f"a key has no {name or 'such member'}: it has {known}")
        elif _is_keys(base):
            self._key(node)
            self._refuse(node, f"keys.{name or 'NAME'} alone is no text: add .key")
        else:
            self._refuse(node, "only keys.NAME has members: remove what follows the dot or bracket")

    def _key(self, node: nodes.Getattr | nodes.Getitem) -> None:
        """Take `keys.NAME`, `keys["NAME"]`, and, within for, `keys[name]`."""
        name = _member_name(node)
        if name in self._names:
            self.uses.add(str(name))
        elif name is not None:
            known = ", ".join(self._names)
            self._refuse(node, f'keys["{name}"] is not configured: there are {known}')
        elif not (isinstance(node, nodes.Getitem) and self._is_loop_variable(node.arg)):
            self._refuse(node, 'a key is chosen by its name: write keys["NAME"]')

    def _is_loop_variable(self, node: nodes.Node) -> bool:
        return isinstance(node, nodes.Name) and node.name == self._loop_variable

    def _refuse_kind(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.BinExpr | nodes.UnaryExpr):
            why = 'arithmetic is not taken: join texts by ~, and write keys["a-b"] for such a name'
            self._refuse(node, why)
            return
        kind = _WORDS.get(type(node), type(node).__name__)
        self._refuse(node, f"{kind} is not taken here: remove it")


def _has_arguments(node: nodes.Filter | nodes.Test) -> bool:
    return bool(node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)


def _is_keys(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == KEYS


def _member_name(node: nodes.Getattr | nodes.Getitem) -> str | None:
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        return node.arg.value
    return None
