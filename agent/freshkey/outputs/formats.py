"""What stands in a key file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from freshkey.outputs.errors import refusal
from freshkey.settings.model import FileFormat

if TYPE_CHECKING:
    from freshkey.core.view import Publication
    from freshkey.settings.model import FileSettings

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")
_SPECIAL: Final = re.compile(r'["\\`$]')


def render(
    target: FileSettings, name: str, publication: Publication, not_after: str | None
) -> bytes:
    """The content of `target` for the published generation of the key called `name`.

    `not_after` is RFC 3339, None for a secret without a lease. Raises FaultError (`output`) when
    the format can't hold this key.
    """
    key = publication.secret.reveal()
    match target.format:
        case FileFormat.RAW:  # with a newline, clients would send a header that no server takes
            return key.encode()
        case FileFormat.ENV:
            return f"{target.env_name}={_assigned(target, key)}\n".encode()
        case FileFormat.JSON:
            fields = {
                "name": name,
                "key": key,
                "tag": publication.tag,
                "generation": publication.generation,
                "not_after": not_after,
                "api_key_id": publication.api_key_id,
            }
            return json.dumps(fields).encode() + b"\n"
        case FileFormat.TEMPLATE:
            raise refusal(target.path, "templates are not built yet: use raw, env, or json")


def _assigned(target: FileSettings, value: str) -> str:
    """Quote for both readers of such a file, `.` of sh(1) and EnvironmentFile= of systemd.exec(5).

    In double quotes both take a backslash before `"`, `$`, a backquote, and a backslash for an
    escape, and nothing else is special.
    """
    if not value.isprintable():
        raise refusal(target.path, "the key has unprintable characters: use the json format")
    return value if _PLAIN.fullmatch(value) else '"' + _SPECIAL.sub(r"\\\g<0>", value) + '"'
