"""How a value stands in a file of environment variables."""

import re
from typing import Final

_PLAIN: Final = r"[A-Za-z0-9_./:@%+,=-]*"
_SPECIAL: Final = r'["\\`$]'


def assignment(variable: str, value: str) -> str:
    """`VARIABLE=value`, for both readers: `.` of sh(1) and EnvironmentFile= of systemd.exec(5).

    In double quotes both take a backslash before `"`, `$`, a backquote, and a backslash for an
    escape, and nothing else is special. Raises ValueError for unprintable characters, which they
    take differently.
    """
    if not value.isprintable():
        raise ValueError("the key has unprintable characters: use the json format")
    plain = re.fullmatch(_PLAIN, value)
    return f"{variable}=" + (value if plain else '"' + re.sub(_SPECIAL, r"\\\g<0>", value) + '"')
