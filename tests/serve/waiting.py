"""A request that waits for another key, and what comes of that key."""

from __future__ import annotations

from typing import Final

from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace
from freshkey.core.model.view import KeyStatus, KeyView

from tests.serve.client import get
from tests.serve.publication import FRESH, PUBLICATION, TAG

NEXT: Final = replace(
    FRESH, publication=replace(PUBLICATION, generation=8, secret=Secret("sk-next"))
)
WITHDRAWN: Final = KeyView("billing", KeyStatus.WITHDRAWN)
HELD: Final = f'If-None-Match: "{TAG}"'


def wait_for(wait: str, *headers: str, method: str = "GET") -> bytes:
    return get(f"/v1/keys/billing?wait={wait}", *headers, method=method)
