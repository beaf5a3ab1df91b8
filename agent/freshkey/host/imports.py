"""Imports a library without what it imports in turn and is never used here.

At rest that was a sixth of the memory, and a quarter of the time that a start takes.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

UNUSED: Final[dict[str, tuple[str, ...]]] = {
    "msgspec": (
        *("msgspec._json_schema", "msgspec.inspect", "typing_extensions"),
        "decimal",  # a type of values that none of ours has
    ),
    "trio": ("trio._dtls", "attr.validators"),  # outcome's values are trio's own
    "structlog": (
        *("asyncio", "pickle", "rich"),
        *(
            f"structlog.{name}"
            for name in ("dev", "stdlib", "testing", "threadlocal", "tracebacks")
        ),
    ),
    "hvac": (
        *("requests", "requests.exceptions", "hvac.api.secrets_engines"),
        *(
            f"hvac.api.auth_methods.{name}"
            for name in ("github", "legacy_mfa", "oidc", "okta", "radius")
        ),
        *(
            f"hvac.api.system_backend.{name}"
            for name in ("audit", "init", "key", "namespace", "policies", "policy", "quota", "raft")
        ),
    ),
    "httpcore": ("anyio", "certifi", "httpcore._api", "httpcore._sync"),  # needed by httpx
    "httpx": ("httpx._main",),
    "watchfiles": ("anyio", "watchfiles.run"),
}
"""What is left out of each: methods that nobody calls, parts of the API, and command lines."""
OPTIONAL: Final = frozenset({"typing_extensions"})
"""Those of them that a library does without by itself: to it they are not installed."""


class _StandIn(ModuleType):
    """Has every name, for annotations and the like; behind each is an empty class."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": _take_anything, "__call__": _take_anything})


def _take_anything(self: object, *_: object, **__: object) -> None:
    """Stand in for a constructor, and for what is called, such as a validator."""


def import_slim(*libraries: str) -> None:
    """Import `libraries`, in which the modules that are `UNUSED` stay empty.

    Whoever else imports these gets them whole. What is imported already stays as it is.
    """
    for library in libraries:
        with left_out(*UNUSED[library]), _no_search() if library == "trio" else nullcontext():
            import_module(library)


@contextmanager
def left_out(*names: str) -> Iterator[None]:
    """Leave modules empty for whoever imports them meanwhile, unless they are there already."""
    standing_in = [name for name in names if name not in sys.modules]
    for name in standing_in:
        # https://docs.python.org/3/reference/import.html#the-module-cache: None is not found
        # (typeshed has modules alone there.)
        sys.modules[name] = None if name in OPTIONAL else _StandIn(name)  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in standing_in:
            sys.modules.pop(name, None)  # threads may leave out the same ones


@contextmanager
def _no_search() -> Iterator[None]:
    """Tell trio, which names threads, where the C library is.

    ctypes would run ldconfig to find out, or a compiler: 2 ms, and no program for a daemon.
    """
    import ctypes.util  # noqa: PLC0415 - not for commands that do without trio

    search = ctypes.util.find_library
    ctypes.util.find_library = lambda name: "libc.so.6" if name == "pthread" else search(name)
    try:
        yield
    finally:
        ctypes.util.find_library = search
