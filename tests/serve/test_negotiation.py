from __future__ import annotations

import pytest
from freshkey.serve.negotiation import has_tag, wants_text


@pytest.mark.parametrize(
    "accept",
    [
        "text/plain",
        "text/plain; charset=utf-8",
        "Text/Plain; Q=1",
        "text/plain, */*;q=0.1",
        "text/plain, */*",
        "application/json;q=0.5, text/plain",
        "application/json;q=nonsense, text/plain;Q=0.1",
    ],
)
def test_text_for_who_prefers_it(accept: str) -> None:
    assert wants_text(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/*",
        "application/json",
        "application/json, text/plain, */*",  # axios
        "text/plain;q=0",
        "text/plain;q=0.5, application/json",
        "text/plain-ish",
    ],
)
def test_json_for_everybody_else(accept: str) -> None:
    assert not wants_text(accept)


@pytest.mark.parametrize(
    "held", ['"7-3fa9c2d1"', 'W/"7-3fa9c2d1"', '"6-x", "7-3fa9c2d1"', "*", "7-3fa9c2d1"]
)
def test_a_tag_that_the_client_holds(held: str) -> None:
    assert has_tag(held, "7-3fa9c2d1")


@pytest.mark.parametrize("held", ["", '""', '"7-3fa9c2d"', '"17-3fa9c2d1"', '"6-x", "8-y"'])
def test_a_tag_that_it_does_not_hold(held: str) -> None:
    assert not has_tag(held, "7-3fa9c2d1")
