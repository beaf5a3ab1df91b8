"""Imports byte code with a third of the system calls that Python makes.

A start imports 560 modules. For each of them Python asks directories whether they have changed, and
for the source before it reads byte code. Where byte code is in its place, and fits its source, one
listing of each directory does: a start takes 7 % fewer instructions. All else is left to Python.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
from contextlib import suppress
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import MAGIC_NUMBER
from types import CodeType
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Sequence

# https://peps.python.org/pep-0552/#specification: byte code begins with the interpreter's number,
# flags, and the time and size of the source that it fits, or a hash that nobody has to check.
_BY_TIME: Final = MAGIC_NUMBER + bytes([0, 0, 0, 0])
_UNCHECKED: Final = MAGIC_NUMBER + bytes([1, 0, 0, 0])
_STAMP: Final = slice(8, 16)
_HEADER: Final = 16
_U32: Final = 0xFFFFFFFF
_USUAL: Final = 1 << 16  # bytes of a module at most; a larger buffer would be mapped and unmapped
_LARGEST: Final = 1 << 20  # bytes that are read at all
_ENDING: Final = f".{sys.implementation.cache_tag}.pyc"
_OTHERS: Final = (*EXTENSION_SUFFIXES, ".pyc")  # endings of modules that are no source


def find_byte_code() -> None:
    """Let modules be found so until `stop_finding`, unless their byte code lies elsewhere.

    Whoever looks before Python does, such as a test's assertions, still does.
    """
    usual = sys.pycache_prefix is None and not sys.flags.optimize
    usual = usual and _imp.check_hash_based_pycs == "default"
    if usual and _Finder not in sys.meta_path and PathFinder in sys.meta_path:
        sys.meta_path.insert(sys.meta_path.index(PathFinder), _Finder)


def stop_finding() -> None:
    """Leave all to Python again, which looks at directories anew: they may change later on."""
    with suppress(ValueError):
        sys.meta_path.remove(_Finder)
    _listed.cache_clear()


@final
class _Finder:
    """https://docs.python.org/3/reference/import.html#the-meta-path ."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: object = None
    ) -> ModuleSpec | None:
        """Find a module in the directories of its package, or of sys.path; None: ask the next."""
        del target
        module = name.rpartition(".")[2]
        try:
            directories: Sequence[object] = sys.path if path is None else path
            for directory in directories:
                if not isinstance(directory, str):  # Python passes them over, too
                    continue
                listed = _listed(directory)
                if module in listed:  # a package comes before a module
                    package = f"{directory}/{module}"
                    only = _is_only_source("__init__", _listed(package))
                    return _spec(name, package, "__init__") if only else None
                if _is_only_source(module, listed):
                    return _spec(name, directory, module)
                if not listed.isdisjoint([module + ending for ending in _OTHERS]):
                    return None
        except (OSError, EOFError, ValueError, TypeError):  # marshal's, and those of files
            return None
        return None

    @staticmethod
    def invalidate_caches() -> None:
        """Look at directories anew: called by importlib.invalidate_caches()."""
        _listed.cache_clear()


@cache
def _listed(directory: str) -> frozenset[str]:
    """Return the names in a directory, none if it is not there; OSError for what is no directory.

    Of one that is not absolute Python has to know, which follows the working directory.
    """
    if not directory.startswith("/"):
        raise NotADirectoryError
    try:
        return frozenset(os.listdir(directory))  # noqa: PTH208 - a Path takes longer than all else
    except FileNotFoundError:
        return frozenset()


@final
class _Loader(SourceFileLoader):
    """Python's own, which has read the code already."""

    def __init__(self, name: str, path: str, code: CodeType) -> None:
        super().__init__(name, path)
        self._code: CodeType | None = code

    def get_code(self, fullname: str) -> CodeType | None:
        code, self._code = self._code, None
        return super().get_code(fullname) if code is None else code


def _is_only_source(module: str, listed: frozenset[str]) -> bool:
    """Whether a module is there as source, and as nothing that may come before that."""
    return f"{module}.py" in listed and listed.isdisjoint([module + each for each in _OTHERS])


def _spec(name: str, directory: str, module: str) -> ModuleSpec | None:
    cached = f"{directory}/__pycache__/{module}{_ENDING}"
    file = os.open(cached, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(file, _USUAL)
        if len(content) == _USUAL:
            content += os.read(file, _LARGEST)
    finally:
        os.close(file)
    source = f"{directory}/{module}.py"
    if len(content) >= _LARGEST or not _fits(content, source):
        return None
    code = marshal.loads(memoryview(content)[_HEADER:])  # noqa: S302 - as Python does
    if not isinstance(code, CodeType):
        return None
    # It may have been made elsewhere; importlib, too, calls this.
    _imp._fix_co_filename(code, source)  # type: ignore[attr-defined]  # noqa: SLF001
    is_package = module == "__init__"
    spec = ModuleSpec(name, _Loader(name, source, code), origin=source, is_package=is_package)
    spec.has_location = True
    spec.cached = cached
    if spec.submodule_search_locations is not None:
        spec.submodule_search_locations.append(directory)
    return spec


def _fits(content: bytes, source: str) -> bool:
    if content.startswith(_UNCHECKED):
        return True
    status = os.stat(source)  # noqa: PTH116 - as above
    time, size = int(status.st_mtime) & _U32, status.st_size & _U32
    stamp = time.to_bytes(4, "little") + size.to_bytes(4, "little")
    return content.startswith(_BY_TIME) and content[_STAMP] == stamp
