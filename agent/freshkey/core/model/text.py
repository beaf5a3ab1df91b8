"""Text from outside: what does not belong to it is taken off or named, and none of it is quoted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

# Invisible, and no white space for Python: they come along when text is copied from a page.
_INVISIBLE: Final = frozenset("\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")
_SEPARATORS: Final = frozenset("\x1c\x1d\x1e\x1f")  # white space to Python only
_LINE_ENDS: Final = frozenset("\n\r\v\f\x85\u2028\u2029")
_NAMES: Final = {
    "\0": "null character",
    "\t": "tab",
    "\n": "line feed",
    "\r": "carriage return",
    " ": "space",
    "\xa0": "no-break space",
    "\u200b": "zero-width space",
    "\ufeff": "byte order mark",
    "\ufffd": "replacement character, the mark of a wrong encoding,",
}
_FIRST_ESCAPE: Final = 0xDC80  # surrogateescape of PEP 383: U+DC80 to U+DCFF stand for bytes
_LAST_ESCAPE: Final = 0xDCFF


class Cleaned(NamedTuple):  # no Struct: commands that ask an agent start without msgspec
    """A text without the white space around it.

    `taken_off` says what that was, `misfit` names the first character of `value` that is not
    visible ASCII, with its place in the whole text, counted from 1; both are empty for nothing.
    """

    value: str
    taken_off: str
    misfit: str

    def __repr__(self) -> str:
        return f"Cleaned({self.taken_off!r}, {self.misfit!r})"  # the value may be a secret


def cleaned(text: str, *, spaces: bool = True) -> Cleaned:
    """Take white space, line ends, and byte order marks off both ends of a text.

    Without `spaces`, only line ends and byte order marks: the rest may belong to a password.
    """
    around: Callable[[str], bool] = _is_around if spaces else _ends_a_line
    start, end = 0, len(text)
    while start < end and around(text[start]):
        start += 1
    while start < end and around(text[end - 1]):
        end -= 1
    before, value, after = text[:start], text[start:end], text[end:]
    taken = [
        f"{_counted(part)} {side}" for part, side in ((before, "before"), (after, "after")) if part
    ]
    return Cleaned(value, " and ".join(taken), _first(value, _is_no_ascii, start, len(text)))


def is_one_line_end(text: str, value: str) -> bool:
    """Whether a text is a value with a line feed, as an editor leaves it: nothing to wonder at."""
    return text in {f"{value}\n", f"{value}\r\n"}


def is_word(text: str) -> bool:
    """Whether a text is a word of visible ASCII, which every request and every variable takes."""
    return bool(text) and not _first(text, _is_no_ascii)


def unprintable(text: str) -> str:
    """Name the first character that is not to be seen, with its place; empty for none."""
    return _first(text, lambda char: not char.isprintable())


def control(text: str) -> str:
    """Name the first control character of ASCII, with its place; empty for none."""
    return _first(text, lambda char: char < " " or char == "\x7f")


def one_line(text: str) -> str:
    r"""Return a text as one line that every terminal and every JSON parser takes.

    What is not to be seen is escaped; a byte of a path that is no text looks like `\xff`.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else escaped(char) for char in text)


def _is_around(char: str) -> bool:
    return char in _INVISIBLE or (char.isspace() and char not in _SEPARATORS)


def _ends_a_line(char: str) -> bool:
    return char in _LINE_ENDS or char == "\ufeff"


def _first(text: str, is_wrong: Callable[[str], bool], start: int = 0, length: int = 0) -> str:
    """Name the first wrong character of a text that begins at `start` of another, of `length`."""
    for index, char in enumerate(text, start + 1):
        if is_wrong(char):
            return f"a {_name(char)} at character {index} of {length or len(text)}"
    return ""


def _is_no_ascii(char: str) -> bool:
    return not "!" <= char <= "~"


def _counted(text: str) -> str:
    """Name the characters of a text, in their order, each kind once."""
    parts = []
    for char in dict.fromkeys(text):
        count = text.count(char)
        parts.append(f"a {_name(char)}" if count == 1 else f"{count} {_name(char, plural='s')}")
    return ", ".join(parts)


def _name(char: str, plural: str = "") -> str:
    if char in _NAMES:
        return f"{_NAMES[char]}{plural}"
    if _is_around(char):
        noun = "white space character"
    elif char < " " or "\x7f" <= char < "\xa0":
        noun = "control character"
    else:
        noun = "character outside ASCII" if char.isprintable() else "character that can't be seen"
    return f"{noun}{plural} (U+{ord(char):04X})"


def escaped(char: str) -> str:
    """Return a character as Python would write it; what stands for a byte (PEP 383) as that."""
    if _FIRST_ESCAPE <= ord(char) <= _LAST_ESCAPE:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode()
