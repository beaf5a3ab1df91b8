"""An agent that is broken on purpose."""

from __future__ import annotations

import importlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.histories import History, Kind

Replaced = tuple[object, str, Any]
"""An object, the name of its attribute, and what is put in the place of that."""


class Mutant(NamedTuple):
    """What is replaced, the invariant that this breaks, and the incidents that show it.

    With a `history`, that one shows it: few of those that are drawn would.
    """

    name: str
    number: int
    replaced: tuple[Replaced, ...]
    kinds: tuple[Kind, ...] = ()
    history: History | None = None

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the agent be this one."""
        with ExitStack() as stack:
            for target, name, value in self.replaced:
                stack.enter_context(patch.object(target, name, value))
            yield


def after(target: type, name: str, then: Callable[..., None]) -> Replaced:
    """Replace a method by something more, and then itself."""
    original = getattr(target, name)

    def longer(self: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - any method's
        then(self, *args)
        return original(self, *args, **options)

    return target, name, longer


def module(name: str) -> object:
    """Return a module of the core."""
    return importlib.import_module(f"freshkey.core.{name}")
