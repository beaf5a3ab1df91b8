from __future__ import annotations

import json

import pytest
from freshkey.core.model.text import (
    Cleaned,
    cleaned,
    control,
    is_one_line_end,
    is_word,
    one_line,
    unprintable,
)
from hypothesis import given
from hypothesis import strategies as st

AROUND = st.text(
    st.sampled_from("\n\r\t\v\f \x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000\ufeff\u200b")
)
VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)
ANY = st.text(st.characters(exclude_categories=()))  # surrogates too


@given(AROUND, VISIBLE, AROUND)
def test_white_space_around_is_taken_off_and_told(before: str, value: str, after: str) -> None:
    found = cleaned(before + value + after)
    assert (found.value, found.misfit) == (value, "")
    assert bool(found.taken_off) == bool(before or after)
    assert ("before" in found.taken_off) == bool(before)
    assert ("after" in found.taken_off) == bool(after)


@given(ANY)
def test_cleaning_is_done_once(text: str) -> None:
    found = cleaned(text)
    again = cleaned(found.value)
    assert (again.value, again.taken_off) == (found.value, "")
    assert bool(found.misfit) == bool(again.misfit)
    assert text.count(found.value) >= 1
    assert found.misfit or found.value.isascii()
    assert found.misfit or found.value.isprintable()
    assert found.misfit or " " not in found.value


@given(AROUND, VISIBLE, st.characters(exclude_categories=()), VISIBLE, AROUND)
def test_what_is_told_holds_nothing_of_the_value(
    before: str, head: str, char: str, tail: str, after: str
) -> None:
    text = before + head + char + tail + after
    found = cleaned(text)
    if "!" <= char <= "~":
        assert found.misfit == ""
        return
    place = len(before + head) + 1
    assert found.misfit.endswith(f" at character {place} of {len(text)}")
    assert found.misfit.isascii()
    assert found.misfit.isprintable()
    secret = "Q#" + head + "#Q"
    assert secret not in repr(cleaned(secret)) + cleaned(f"{secret}\n{secret}").misfit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sk-1", Cleaned("sk-1", "", "")),
        ("sk-1\n", Cleaned("sk-1", "a line feed after", "")),
        ("\ufeffsk-1", Cleaned("sk-1", "a byte order mark before", "")),
        ("  sk-1 \r\n", Cleaned("sk-1", "2 spaces before and a space, a carriage return, "
                               "a line feed after", "")),
        ("\u2003\u2003sk-1", Cleaned("sk-1", "2 white space characters (U+2003) before", "")),
        ("", Cleaned("", "", "")),
        (" \n", Cleaned("", "a space, a line feed before", "")),
        ("sk-1\nsk-2\n", Cleaned("sk-1\nsk-2", "a line feed after",
                                 "a line feed at character 5 of 10")),
        ("\nsk 1", Cleaned("sk 1", "a line feed before", "a space at character 4 of 5")),
        ("s\0k", Cleaned("s\0k", "", "a null character at character 2 of 3")),
        ("s\x1b", Cleaned("s\x1b", "", "a control character (U+001B) at character 2 of 2")),
        ("s\x1c", Cleaned("s\x1c", "", "a control character (U+001C) at character 2 of 2")),
        ("sk\u00e9", Cleaned("sk\u00e9", "",
                             "a character outside ASCII (U+00E9) at character 3 of 3")),
        ("\ud800", Cleaned("\ud800", "",
                           "a character that can't be seen (U+D800) at character 1 of 1")),
        ("\ufffds", Cleaned("\ufffds", "", "a replacement character, the mark of a wrong encoding, "
                           "at character 1 of 2")),
    ],
)  # fmt: skip
def test_words(text: str, expected: Cleaned) -> None:
    assert cleaned(text) == expected


@pytest.mark.parametrize(
    ("text", "value", "taken_off"),
    [
        (" p ", " p ", ""),
        (
            "\ufeffp\r\n\n",
            "p",
            "a byte order mark before and a carriage return, 2 line feeds after",
        ),
        ("p \n", "p ", "a line feed after"),
        ("\xa0p", "\xa0p", ""),
        ("\n\n", "", "2 line feeds before"),
    ],
)
def test_a_password_keeps_its_spaces(text: str, value: str, taken_off: str) -> None:
    found = cleaned(text, spaces=False)
    assert (found.value, found.taken_off) == (value, taken_off)


def test_a_line_end_as_an_editor_leaves_it() -> None:
    assert is_one_line_end("a\n", "a")
    assert is_one_line_end("a\r\n", "a")
    assert not is_one_line_end("a", "a")
    assert not is_one_line_end("a\n\n", "a")
    assert not is_one_line_end("\ufeffa\n", "a")


@given(ANY)
def test_one_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert json.loads(json.dumps(line).encode("utf-8")) == line
    assert len(line.splitlines()) <= 1
    assert text != line or unprintable(text) == ""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("k\u00fc", "k\u00fc"),
        ("a\nb", "a\\nb"),
        ("k\u00fc\n", "k\u00fc\\n"),
        ("k\udcff", "k\\xff"),
        ("k\udc80", "k\\x80"),
        ("\udc7f\udd00", "\\udc7f\\udd00"),
        ("\ud800", "\\ud800"),
        ("\x1b[2J", "\\x1b[2J"),
    ],
)
def test_how_one_line_looks(text: str, line: str) -> None:
    assert one_line(text) == line


def test_what_can_not_be_seen_is_named() -> None:
    assert control("a\xa0b\x7f") == "a control character (U+007F) at character 4 of 4"
    assert control("a\xa0 b") == ""
    assert control("\x1f") == "a control character (U+001F) at character 1 of 1"
    assert unprintable("a\x80") == "a control character (U+0080) at character 2 of 2"
    assert unprintable("\x9f") == "a control character (U+009F) at character 1 of 1"
    assert unprintable("with space/\u00fc") == ""
    assert unprintable("a\xa0b") == "a no-break space at character 2 of 3"


@given(ANY)
def test_a_word_is_what_cleaning_leaves_alone(text: str) -> None:
    assert is_word(text) == (text != "" and cleaned(text) == Cleaned(text, "", ""))
