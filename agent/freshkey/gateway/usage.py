"""The tokens that an answer says it took, found without keeping the answer.

Every kind of answer has an object `usage` near its end: chat completions and embeddings have
prompt_tokens and completion_tokens in it, all others input_tokens and output_tokens.
Source: https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple, final

_MOST: Final = 1 << 40  # tokens; more are none of an answer
_TAIL: Final = 4096  # bytes of the end: usage, and what follows it in a response
# Within a string of JSON the quotes would be escaped, so this is always a member's name.
_USAGE: Final = re.compile(rb'"usage"\s*:\s*(?=\{)')
_DECODER: Final = json.JSONDecoder()
_NAMES: Final = (("input_tokens", "output_tokens"), ("prompt_tokens", "completion_tokens"))


class Usage(NamedTuple):
    """Tokens of one answer."""

    input: int = 0
    output: int = 0

    def __add__(self, other: object) -> Usage:
        """Add those of another answer."""
        if not isinstance(other, Usage):
            return NotImplemented
        return Usage(self.input + other.input, self.output + other.output)


def _tokens(count: object) -> int:
    return count if type(count) is int and 0 < count < _MOST else 0


@final
class UsageTail:
    """Keeps the last bytes of an answer's body; `find` reads the usage in them."""

    def __init__(self) -> None:
        self._tail = bytearray()

    def feed(self, body: bytes) -> None:
        """Take the next bytes of the body."""
        self._tail += body[-_TAIL:]
        if len(self._tail) > 2 * _TAIL:
            del self._tail[:-_TAIL]

    def find(self) -> Usage | None:
        """Return the usage that is told last; None when none is."""
        for found in reversed([*_USAGE.finditer(self._tail)]):
            text = self._tail[found.end() :].decode(errors="replace")
            try:
                usage, _ = _DECODER.raw_decode(text)
            except (ValueError, RecursionError):
                continue
            for names in _NAMES:
                counts = [usage.get(name) for name in names]
                if isinstance(counts[0], int):
                    input_, output = map(_tokens, counts)
                    return Usage(input_, output)
        return None
