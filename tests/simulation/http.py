"""What goes over the wire between the agent and the models: HTTP, without its bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"


@dataclass(frozen=True)
class HttpRequest:
    """A request; `path` is decoded, and without its query. Headers that the models read only."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    token: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HttpAnswer:
    """An answer; `body` is None for an empty one."""

    status: int
    body: Mapping[str, Any] | None = None
    retry_after: str = ""
    content_type: str = JSON

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        return b"" if self.body is None else json.dumps(self.body).encode()
