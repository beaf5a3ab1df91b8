"""What the command of `exec --gateway` has in place of a key: a token of that one run.

Its look tells everybody that it is none of OpenAI's keys: the log masks it wherever it turns up,
and the gateway takes it for nothing else, so that it is of no use once its run has ended.
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "freshkey-run-"
_TOKEN: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{32,128}}")


def is_run_token(text: str) -> bool:
    """Whether a text has the look of one, with at least 32 characters that nobody can guess."""
    return _TOKEN.fullmatch(text) is not None
