"""Whether an answer of OpenAI refuses the key that it was asked with.

Source: https://platform.openai.com/docs/guides/error-codes
"""

from __future__ import annotations

import json
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import trio

from freshkey.gateway.streams import BrokenError
from freshkey.http1.answers import BadAnswerError

if TYPE_CHECKING:
    from freshkey.gateway.sending import Answered

_PATIENCE: Final = 10.0  # seconds to read a 401
_LONGEST: Final = 16 * 1024  # bytes of one
_CODE: Final = "invalid_api_key"


async def refuses_the_key(answered: Answered) -> bool:
    """Say whether it does; what was read of it stays in the parser, to be passed on."""
    parser = answered.parser
    if parser.head is None or parser.head.status != HTTPStatus.UNAUTHORIZED:
        return False
    with trio.move_on_after(_PATIENCE), suppress(BrokenError, BadAnswerError):
        while not parser.is_complete and parser.body_size <= _LONGEST:
            parser.take(await answered.stream.receive())
    try:
        error = json.loads(parser.body())["error"]
        return bool(error["code"] == _CODE)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False
