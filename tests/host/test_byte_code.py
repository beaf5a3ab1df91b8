"""Byte code is found as Python finds it, each time in a process of its own."""

from __future__ import annotations

import compileall
import os
import subprocess
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING

import pytest

from tests.host.own_process import run

if TYPE_CHECKING:
    from pathlib import Path

LOOK = "from freshkey.host.byte_code import find_byte_code"
FIND = f"{LOOK}; find_byte_code()"
IMPORT = "import freshkey.daemon.main, freshkey.vault.transport.adapter, httpx, jinja2, watchfiles"
DESCRIBE = """
import sys
for name, module in sorted(sys.modules.items()):
    spec = getattr(module, "__spec__", None)
    if spec is not None:
        print(name, *(getattr(spec, field) for field in (
            "origin", "cached", "has_location", "parent", "submodule_search_locations"
        )), getattr(module, "__file__", None), getattr(module, "__path__", None))
from freshkey.daemon.loop import Loop
print(Loop.run.__code__.co_filename, httpx.Client.get.__code__.co_filename)
"""
COUNT = """
import sys
ours = [name for name, module in sys.modules.items()
        if type(getattr(module, "__loader__", None)).__module__ == "freshkey.host.byte_code"]
print(len(ours), "trio._core._run" in ours, "socket" in ours, "freshkey.daemon.loop" in ours)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a module whose byte code is there."""
    path = tmp_path / "package"
    path.mkdir()
    (path / "__init__.py").write_text("")
    (path / "module.py").write_text("VALUE = 1\n")
    assert compileall.compile_dir(path, quiet=1)
    return path


def value(package: Path, *options: str, module: str = "module") -> str:
    """What is imported, and whether our finder found it."""
    script = f"{FIND}\nimport sys, package.{module} as found\n"
    told = "print(found.VALUE, type(found.__spec__.loader).__module__)"
    return run(script + told, *options, at=package.parent)


OURS, PYTHONS = "freshkey.host.byte_code", "_frozen_importlib_external"


def test_modules_are_those_that_python_imports() -> None:
    assert run(f"{FIND}\n{IMPORT}\n{DESCRIBE}") == run(f"{LOOK}\n{IMPORT}\n{DESCRIBE}")


def test_most_modules_are_found_without_python() -> None:
    count, *known = run(f"{FIND}\n{IMPORT}\n{COUNT}", "-P").split()
    assert int(count) > 500
    assert known == ["True"] * 3


def test_byte_code_that_is_current_is_found(package: Path) -> None:
    assert value(package) == f"1 {OURS}"


def test_a_source_that_was_changed_is_read_anew(package: Path) -> None:
    module = package / "module.py"
    module.write_text("VALUE = 20\n")
    assert value(package) == f"20 {PYTHONS}"
    assert value(package) == f"20 {OURS}"  # Python has written the byte code
    before = module.stat()
    module.write_text("VALUE = 30\n")
    os.utime(module, (before.st_atime, before.st_mtime + 5))
    assert value(package) == f"30 {PYTHONS}"


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", None])
def test_what_is_no_byte_code_is_left_to_python(package: Path, content: bytes | None) -> None:
    (cached,) = (package / "__pycache__").glob("module.*.pyc")
    cached.write_bytes(content if content is not None else cached.read_bytes()[:-3])
    if content is not None:
        assert value(package) == f"1 {PYTHONS}"
    else:  # Python, too, takes a whole header for whole byte code
        with pytest.raises(subprocess.CalledProcessError) as caught:
            value(package)
        assert "EOFError" in caught.value.stderr


def compile_by_hash(package: Path, mode: PycInvalidationMode) -> None:
    assert compileall.compile_dir(package, quiet=1, force=True, invalidation_mode=mode)
    (package / "module.py").write_text("VALUE = 2\n")


def test_byte_code_that_nobody_has_to_check_is_found(package: Path) -> None:
    """So it is made in the image."""
    compile_by_hash(package, PycInvalidationMode.UNCHECKED_HASH)
    assert value(package) == f"1 {OURS}"
    assert value(package, "--check-hash-based-pycs", "always") == f"2 {PYTHONS}"


def test_byte_code_whose_hash_has_to_be_checked_is_left_to_python(package: Path) -> None:
    compile_by_hash(package, PycInvalidationMode.CHECKED_HASH)
    assert value(package) == f"2 {PYTHONS}"


def test_byte_code_that_was_made_elsewhere_names_its_file(package: Path) -> None:
    moved = package.rename(package.with_name("moved"))
    script = f"{FIND}\nfrom moved import module\nprint(module.f.__code__.co_filename)"
    (moved / "module.py").write_text("def f(): pass\n")
    compileall.compile_dir(moved, quiet=1, ddir="/elsewhere")
    assert run(script, at=moved.parent) == str(moved / "module.py")


@pytest.mark.parametrize("options", [["-O"], ["-X", "pycache_prefix=elsewhere"]])
def test_byte_code_of_another_kind_or_place_is_left_to_python(
    package: Path, options: list[str]
) -> None:
    (package / "module.py").write_text("VALUE = 2 - __debug__\n")
    compileall.compile_dir(package, quiet=1)
    assert value(package, *options).endswith(PYTHONS)


def test_a_package_comes_before_a_module(package: Path) -> None:
    inner = package / "module"
    inner.mkdir()
    (inner / "__init__.py").write_text("VALUE = 2\n")
    compileall.compile_dir(package, quiet=1)
    assert value(package) == f"2 {OURS}"


def test_an_extension_comes_before_the_source_of_a_package(package: Path) -> None:
    inner = package / "inner"
    inner.mkdir()
    (inner / "__init__.py").write_text("VALUE = 2\n")
    (inner / "__init__.abi3.so").write_bytes(b"")
    compileall.compile_dir(package, quiet=1)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        value(package, module="inner")
    assert "__init__.abi3.so: file too short" in caught.value.stderr


def test_a_package_whose_source_is_gone_is_left_to_python(package: Path) -> None:
    mode = PycInvalidationMode.UNCHECKED_HASH
    assert compileall.compile_dir(package, quiet=1, force=True, invalidation_mode=mode)
    (package / "__init__.py").unlink()
    script = f"{FIND}\nimport package\nprint(getattr(package, '__file__', None))"
    assert run(script, at=package.parent) == "None"


def test_what_stands_in_the_path_first_is_found_first(package: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    source = first / "module.py"
    source.write_text("VALUE = 5\n")
    assert compileall.compile_file(source, legacy=True, quiet=1)
    source.unlink()
    script = f"""
{FIND}
import pathlib, sys
sys.path[:0] = [pathlib.Path("/x"), {str(first)!r}, {str(package)!r}]
import module
print(module.VALUE)
try:
    import not_there
except ModuleNotFoundError:
    print("as ever")
"""
    assert run(script).splitlines() == ["5", "as ever"]


def test_it_can_be_left_to_python_again(package: Path) -> None:
    script = f"""
{FIND}
import package.module
from freshkey.host.byte_code import stop_finding
stop_finding(); stop_finding()
import email
print(type(package.module.__loader__).__module__, type(email.__loader__).__module__)
"""
    assert run(script, at=package.parent) == f"{OURS} {PYTHONS}"


def test_directories_are_looked_at_anew_when_python_does(package: Path) -> None:
    script = f"""
{FIND}
import compileall, importlib, package
try:
    import package.later
except ModuleNotFoundError:
    pass
open({str(package / "later.py")!r}, "w").write("")
compileall.compile_dir({str(package)!r}, quiet=1)
importlib.invalidate_caches()
import package.later
print(type(package.later.__loader__).__module__)
"""
    assert run(script, at=package.parent) == OURS


def test_an_extension_comes_before_a_module(package: Path) -> None:
    (package / "module.abi3.so").write_bytes(b"")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        value(package)
    assert "module.abi3.so: file too short" in caught.value.stderr


def test_a_directory_without_a_package_is_left_to_python(package: Path) -> None:
    (package / "space").mkdir()
    (package / "space" / "module.py").write_text("VALUE = 3\n")
    assert value(package, module="space.module") == f"3 {PYTHONS}"
    assert value(package, module="space.module") == f"3 {OURS}"


def test_a_module_that_is_not_there_is_told_as_ever(package: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        value(package, module="other")
    assert "ModuleNotFoundError: No module named 'package.other'" in caught.value.stderr


def test_a_module_can_be_imported_again_and_shows_its_source(package: Path) -> None:
    script = f"""
{FIND}
import importlib, inspect, package.module as module
module.VALUE = 7
print(importlib.reload(module).VALUE, inspect.getsource(module), end="")
"""
    assert run(script, at=package.parent) == "1 VALUE = 1"


def test_it_looks_once_and_before_python_only() -> None:
    script = f"""
import sys
before = [*sys.meta_path]
{FIND}; find_byte_code()
print(len(sys.meta_path) - len(before), sys.meta_path[:-2] == before[:-1])
"""
    assert run(script) == "1 True"
