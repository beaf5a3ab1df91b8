from __future__ import annotations

import pytest
from freshkey.core.model.run_token import PREFIX, is_run_token


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PREFIX + "a" * 32, True),
        (PREFIX + "a" * 31, False),
        (PREFIX + "a" * 128, True),
        (PREFIX + "a" * 129, False),
        (PREFIX + "Az0-_" * 8, True),
        (PREFIX + "é" * 40, False),
        (PREFIX + "a" * 40 + " ", False),
        ("a" * 40, False),
        ("sk-" + PREFIX + "a" * 40, False),
    ],
)
def test_what_has_the_look_of_a_run_token(text: str, *, expected: bool) -> None:
    assert is_run_token(text) is expected
