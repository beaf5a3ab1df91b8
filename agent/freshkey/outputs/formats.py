"""What stands in a key file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from freshkey.outputs.errors import refusal
from freshkey.outputs.quoting import assignment
from freshkey.settings.keys import FileFormat

if TYPE_CHECKING:
    from freshkey.core.model.view import Publication
    from freshkey.settings.keys import FileSettings


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
            return json.dumps(members(name, publication, not_after)).encode() + b"\n"
        case FileFormat.TEMPLATE:
            raise ValueError("a template is rendered with the members of every key that it uses")


def members(name: str, publication: Publication, not_after: str | None) -> dict[str, object]:
    """What `json` files and templates can say of the published generation of a key."""
    return {
        "name": name,
        "key": publication.secret.reveal(),
        "tag": publication.tag,
        "generation": publication.generation,
        "not_after": not_after,
        "api_key_id": publication.api_key_id,
    }
