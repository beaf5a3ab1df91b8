"""What stands in a key file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from freshkey.outputs.errors import refusal
from freshkey.outputs.quoting import assignment
from freshkey.settings.model import FileFormat

if TYPE_CHECKING:
    from freshkey.core.model.view import Publication
    from freshkey.settings.model import FileSettings


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
            try:
                return f"{assignment(target.env_name, key)}\n".encode()
            except ValueError as error:
                raise refusal(target.path, str(error)) from None
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
