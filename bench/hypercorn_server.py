"""hypercorn with trio on a Unix socket: `python -m bench.hypercorn_server SOCKET ANSWER`.

It sends what the file ANSWER holds, to whatever it is asked.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from bench.answer import Answer

if TYPE_CHECKING:
    from hypercorn.typing import (
        ASGIReceiveCallable,
        ASGISendCallable,
        HTTPResponseBodyEvent,
        HTTPResponseStartEvent,
        Scope,
    )


async def main(path: str, answer: Answer) -> None:
    """Serve until killed."""
    headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
    start: Final[HTTPResponseStartEvent] = {
        "type": "http.response.start",
        "status": 200,
        "headers": headers,
    }
    body: Final[HTTPResponseBodyEvent] = {
        "type": "http.response.body",
        "body": answer.body,
        "more_body": False,
    }

    async def send_answer(
        scope: Scope, _receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        if scope["type"] != "http":
            raise NotImplementedError  # hypercorn then does without a lifespan
        await send(start)
        await send(body)

    config = Config()
    config.bind = [f"unix:{path}"]
    config.keep_alive_max_requests = sys.maxsize
    config.include_date_header = config.include_server_header = False
    await serve(send_answer, config, mode="asgi")


if __name__ == "__main__":
    trio.run(main, sys.argv[1], Answer.read(Path(sys.argv[2]).read_bytes()))
