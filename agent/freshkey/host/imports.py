"""Imports a library without what it imports in turn and is never used here.

It would be a quarter of the memory at rest, and a third of what a start executes.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib import import_module
from threading import RLock
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator


class NoCookies:
    """In place of a CookieJar: they would grow, and httpx fails on one that it can't send back."""

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def extract_cookies(self, *_: object) -> None:
        """Keep none."""

    def add_cookie_header(self, *_: object) -> None:
        """Send none."""


UNUSED: Final[dict[str, tuple[str, ...]]] = {
    "argparse": ("gettext",),  # nothing is translated
    "msgspec": (
        *("msgspec._json_schema", "msgspec.inspect", "typing_extensions"),
        *("decimal", "uuid"),  # types of values that none of ours has
    ),
    "trio": (
        *("attr._version_info", "attr.validators", "ctypes.util", "idna", "locale"),
        "platform",
        *("trio._core._mock_clock", "trio._core._unbounded_queue", "trio._dtls"),
        *("trio._file_io", "trio._path"),
        *("trio._highlevel_open_tcp_listeners", "trio._highlevel_serve_listeners"),
        "trio._highlevel_ssl_helpers",
    ),
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
    "httpcore": (  # needed by httpx
        *("anyio", "certifi", "httpcore._api", "httpcore._async.http2"),
        "httpcore._sync",
    ),
    "httpx": (
        *("email.message", "http.cookiejar", "httpx._main", "idna", "mimetypes"),
        "urllib.request",
    ),
    "prometheus_client": (),
    "watchfiles": ("anyio", "watchfiles.run"),
}
"""What is left out of each: methods that nobody calls, parts of the API, and command lines."""
OPTIONAL: Final = frozenset({"httpcore._async.http2", "typing_extensions"})
"""Those of them that a library does without by itself: to it they are not installed."""
ANSWERS: Final[dict[str, dict[str, object]]] = {
    # Else it would run ldconfig, or a compiler, to find the library in which threads are named.
    "ctypes.util": {"find_library": lambda _: "libc.so.6"},
    "http.cookiejar": {"CookieJar": NoCookies},
    "gettext": {
        "gettext": lambda text: text,
        "ngettext": lambda one, many, number: one if number == 1 else many,
    },
    # Two libraries ask which interpreter this is: it compiles nine patterns first.
    "platform": {"python_implementation": lambda: "CPython"},
    "uuid": {"SafeUUID": SimpleNamespace(unknown=None)},
    "urllib.request": {},  # taken from `urllib`, as `ctypes.util` from `ctypes`
}
"""What of them is called all the same while a library is imported, or by it later."""


LATE: Final = frozenset({"idna", "locale", "mimetypes"})
"""Those of them that come whole as soon as one of their names is asked for."""


class _Late(ModuleType):
    """Stands for a module until a name of it is asked for; importing it does not do that."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


_ONE_AT_A_TIME: Final = RLock()


class _StandIn(ModuleType):
    """Has every name, for annotations and the like; behind each is an empty class."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__dict__.update(ANSWERS.get(name, {}))

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": _take_anything, "__call__": _take_anything})


def _take_anything(self: object, *_: object, **__: object) -> None:
    """Stand in for a constructor, and for what is called, such as a validator."""


def _in_place_of(name: str) -> ModuleType | None:
    if name in OPTIONAL:
        return None
    return _Late(name) if name in LATE else _StandIn(name)


def import_slim(*libraries: str) -> None:
    """Import `libraries`, in which the modules that are `UNUSED` stay empty.

    Whoever else imports these gets them whole, but for a thread that does so in this very moment:
    what a running agent imports late and from threads has to come by here. What is imported already
    stays as it is.
    """
    for library in libraries:
        if library not in sys.modules:  # else nobody waits for what another thread imports
            with left_out(*UNUSED[library]):
                import_module(library)


@contextmanager
def left_out(*names: str) -> Iterator[None]:
    """Leave modules empty for whoever imports them meanwhile, unless they are there already."""
    with _ONE_AT_A_TIME:
        # https://docs.python.org/3/reference/import.html#the-module-cache: None is not found
        # (typeshed has modules alone there.)
        empty: dict[str, Any] = {n: _in_place_of(n) for n in names if n not in sys.modules}
        try:
            sys.modules.update(empty)
            for name in empty.keys() & ANSWERS.keys():
                package, _, module = name.rpartition(".")
                if package:
                    setattr(import_module(package), module, empty[name])
            yield
        finally:
            for name, stand_in in empty.items():
                _take_away(name, stand_in)


def _take_away(name: str, stand_in: ModuleType | None) -> None:
    """Take away a stand-in, and nothing that has come in its place."""
    if sys.modules.get(name, name) is stand_in:
        del sys.modules[name]
    package, _, module = name.rpartition(".")
    around = vars(sys.modules[package]) if package in sys.modules else {}
    if name in ANSWERS and around.get(module) is stand_in:
        del around[module]
