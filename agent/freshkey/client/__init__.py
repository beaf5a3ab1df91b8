"""What applications import: the key that is current now, from its file or from the agent's socket.

It needs the standard library only, and works from any thread, task, or forked process.

May import: nothing else of freshkey.
"""

from freshkey.client.errors import NoKeyError, SetupError
from freshkey.client.keys import AsyncFileKey, AsyncSocketKey, FileKey, SocketKey

__all__ = [
    "AsyncFileKey",
    "AsyncSocketKey",
    "FileKey",
    "NoKeyError",
    "SetupError",
    "SocketKey",
]
