"""The callables that an application gives to its client in place of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.client.file_source import FileSource
from freshkey.client.socket_source import SocketSource
from freshkey.client.steps import run, run_async

if TYPE_CHECKING:
    import os


class FileKey:
    """The key in a file of the format `raw`: for `OpenAI(api_key=FileKey(path))`.

    Each call reads the file, in some 15 µs. A file that is missing has `wait` seconds to come;
    then NoKeyError is raised. A file that holds no key, or may not be read, is a SetupError.
    """

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 5.0) -> None:
        self.source = FileSource(path, wait)

    def __call__(self) -> str:
        """Return the key that is current now."""
        return run(self.source.read())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"


class AsyncFileKey:
    """As FileKey, for `AsyncOpenAI`, on asyncio and on trio."""

    def __init__(self, path: str | os.PathLike[str], *, wait: float = 5.0) -> None:
        self.source = FileSource(path, wait)

    async def __call__(self) -> str:
        """Return the key that is current now."""
        return await run_async(self.source.read())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"


class SocketKey:
    """The key `name` from the agent's socket: for `OpenAI(api_key=SocketKey("billing"))`.

    The socket is `socket`, else $FRESHKEY_SOCKET, else /run/freshkey/freshkey.sock. Each call asks
    the agent, in about half a millisecond. While the agent restarts, the last key goes on, to the
    end of its lifetime at most. With none, a call waits `wait` seconds; then NoKeyError is raised.
    What waiting can't help is a SetupError.
    """

    def __init__(
        self, name: str, socket: str | os.PathLike[str] | None = None, *, wait: float = 5.0
    ) -> None:
        self.source = SocketSource(name, socket, wait)

    def __call__(self) -> str:
        """Return the key that is current now."""
        return run(self.source.read())

    def rejected(self, refused: str | None = None) -> bool:
        """Tell the agent that OpenAI answered 401 `invalid_api_key`; the agent checks it at once.

        `refused` is the key, if it is not the one that this thread or task was given last.
        Returns whether another one is published already.
        """
        return run(self.source.report(refused))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"


class AsyncSocketKey:
    """As SocketKey, for `AsyncOpenAI`, on asyncio and on trio."""

    def __init__(
        self, name: str, socket: str | os.PathLike[str] | None = None, *, wait: float = 5.0
    ) -> None:
        self.source = SocketSource(name, socket, wait)

    async def __call__(self) -> str:
        """Return the key that is current now."""
        return await run_async(self.source.read())

    async def rejected(self, refused: str | None = None) -> bool:
        """Do as `SocketKey.rejected`."""
        return await run_async(self.source.report(refused))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"
