"""What the command of `exec --gateway` has in place of a key: a token of that one run.

Its look tells everybody that it is none of OpenAI's keys: the log masks it wherever it turns up,
and the gateway takes it for nothing else, so that it is of no use once its run has ended.
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = "freshkey-run-"
_SHORTEST, _LONGEST = 32, 128  # characters after that


def is_run_token(text: str) -> bool:
    """Whether a text has the look of one, with at least 32 characters that nobody can guess."""
    rest = text.removeprefix(PREFIX)
    is_plain = rest.isascii() and rest.replace("-", "a").replace("_", "a").isalnum()
    return text.startswith(PREFIX) and is_plain and _SHORTEST <= len(rest) <= _LONGEST
