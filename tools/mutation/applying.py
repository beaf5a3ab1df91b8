"""Puts a mutant into a running program, or into the modules that are still to be imported."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

from tools.mutation.mutants import compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from tools.mutation.mutants import Mutant

SOURCES = Path("agent")


def module_name(path: str) -> str:
    """Return the name by which a file below agent/ is imported."""
    return ".".join(Path(path).relative_to(SOURCES).with_suffix("").parts)


def apply(mutant: Mutant) -> None:
    """Change the function wherever it was imported to: only its code is another."""
    module = importlib.import_module(module_name(mutant.path))
    code = compiled(Path(mutant.path), mutant.number)
    new = next(code for code in _codes(code) if code.co_qualname == mutant.scope)
    function = _function(module, mutant.scope)
    if new.co_freevars == function.__code__.co_freevars:
        function.__code__ = new
    else:  # without its call of `super()`, a method knows nothing of its class
        owner, _, name = mutant.scope.rpartition(".")
        setattr(vars(module)[owner], name, FunctionType(new, function.__globals__))


def import_with(mutant: Mutant) -> None:
    """Have the module imported with the mutant; it must not have been imported before."""
    sys.meta_path.insert(0, _Finder(mutant))


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _function(module: ModuleType, qualified_name: str) -> FunctionType:
    """Find a function, or what a property consists of, by its name in the module."""
    found: object = module
    for name in qualified_name.split("."):
        found = vars(found)[name]
    if isinstance(found, property):
        found = found.fget
    assert isinstance(found, FunctionType), qualified_name  # noqa: S101 - or nothing is changed
    return found


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != module_name(self._mutant.path):
            return None
        path = Path(self._mutant.path).resolve()
        return importlib.util.spec_from_file_location(
            fullname, path, loader=_Loader(self._mutant, fullname, str(path))
        )


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, mutant: Mutant, name: str, path: str) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, _fullname: str) -> CodeType:
        return compiled(Path(self._mutant.path), self._mutant.number)
