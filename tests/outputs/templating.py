"""Templates for tests."""

from __future__ import annotations

import pytest
from freshkey.outputs.template_source import TemplateError
from freshkey.outputs.templates import compiled

KEY = "sk-svcacct-AbC_123-xyz"


def members(name: object = "billing", **changed: object) -> dict[str, object]:
    """What a template can say of a key."""
    given: dict[str, object] = {
        "key": KEY,
        "name": name,
        "tag": "7-3fa9c2d1",
        "generation": 7,
        "not_after": "2026-11-23T22:00:00Z",
        "api_key_id": "key_1",
    }
    return {**given, **changed}


KEYS = {"billing": members(), "a-b": members("a-b", key="sk-second")}


def made(text: str, **changed: object) -> str:
    """Render a template of the key billing."""
    return compiled(text, KEYS).render(members(**changed), KEYS).decode()


def problems(text: str, **changed: object) -> tuple[str, ...]:
    """Compile and render a template that can't be, and return what is said of it."""
    with pytest.raises(TemplateError) as caught:
        made(text, **changed)
    return caught.value.problems
