"""Writes TOML, as far as the agent has to (https://toml.io/en/v1.0.0#string)."""

from __future__ import annotations

import json


def quoted(text: str) -> str:
    """Return a basic string of TOML; its escapes are those of JSON, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
