"""How deep templates may nest, and how much they may make."""

from __future__ import annotations

import pytest

from tests.outputs.templating import made, problems

DEEP = 3000


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * DEEP + "key" + ")" * DEEP + " }}",
        "{{ " + "not " * DEEP + "key }}",
        "{{ " + "not " * 60 + "key }}",
        "{{ key" + " and key" * 60 + " }}",
        "{% if key %}" * DEEP + "{% endif %}" * DEEP,
        "{% if key %}" * 60 + "{% endif %}" * 60,
    ],
)
def test_what_nests_deep_ends_in_one_line(text: str) -> None:
    (told,) = problems(text)
    assert "nests too deep" in told


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 9000])
def test_a_number_that_is_too_long(number: str) -> None:
    assert len(problems(f"{{{{ {number} }}}}")) == 1


BIG = 64 * 1024


@pytest.mark.parametrize(
    "text",
    [
        "{{ key }}" * 5000,
        "{{ key" + " ~ key" * 5000 + " }}",
        "{% for n in keys %}" + "{{ keys[n].key }}" * 3000 + "{% endfor %}",
    ],
)
def test_what_is_made_is_bounded(text: str) -> None:
    assert problems(text) == (f"makes more than {BIG} bytes: shorten it",)


def test_as_much_as_may_be_made() -> None:
    assert len(made("ä" * (BIG // 2))) == BIG // 2
    assert problems("ä" * (BIG // 2) + "{{ '' }}x") == (f"makes more than {BIG} bytes: shorten it",)


def test_filters_of_filters_do_not_grow_without_end() -> None:
    nine = "{{ key" + " | json" * 9 + " }}"
    assert problems(nine) == ("line 1: has more than 8 filters: use fewer",)
    long = "line 1: the value is longer than 65536 characters: use fewer filters"
    assert problems("{{ key" + " | json" * 8 + " }}", key="\\" * 1000) == (long,)
    assert problems("{{ (key" + " ~ key" * 5000 + ") | json }}") == (long,)
