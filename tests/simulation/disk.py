"""What the modules that write files get in the place of `os`: each call may be the agent's last."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.world import World


class SimulatedOs:
    """The real calls, on real files; a full disk refuses what would need room."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module has
        return getattr(os, name)

    def open(self, path: Any, flags: int, *args: Any, **options: Any) -> int:  # noqa: ANN401 - as os.open
        """Open a file; a new one takes room."""
        if flags & os.O_CREAT:
            self._world.step(f"open {_shown(path)}", rare=True)
            self._world.write()
        return os.open(path, flags, *args, **options)

    def write(self, descriptor: int, data: Any) -> int:  # noqa: ANN401 - as os.write
        """Write to a file."""
        self._world.step("write", rare=True)
        self._world.write()
        return os.write(descriptor, data)

    def rename(self, old: Any, new: Any, **options: Any) -> None:  # noqa: ANN401 - as os.rename
        """Show a file."""
        self._world.step(f"rename to {_shown(new)}", rare=True)
        os.rename(old, new, **options)  # noqa: PTH104 - it stands in for os
        self._world.changed()

    def unlink(self, path: Any, **options: Any) -> None:  # noqa: ANN401 - as os.unlink
        """Remove a file."""
        self._world.step(f"unlink {_shown(path)}", rare=True)
        os.unlink(path, **options)
        self._world.changed()


def _shown(path: object) -> str:
    """Name a file without what is random in its name."""
    name = Path(str(path)).name
    return "a temporary file" if name.startswith(".freshkey-") else name
