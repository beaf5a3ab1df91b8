"""What a command has to know: by an option, or from whoever sits at the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.settings.values import WrongValueError

if TYPE_CHECKING:
    from collections.abc import Callable


class Question(NamedTuple):
    """What has to be known, and how: by an option, or on a terminal.

    `usual` is the answer where none is given, None if there has to be one. `check` raises
    WrongValueError for one that can't be taken.
    """

    flag: str
    text: str
    usual: str | None
    check: Callable[[object], object]


def take(given: str | None, question: Question) -> str:
    """Return the answer of an option, or of whoever sits at the terminal."""
    if given is None and sys.stdin.isatty() and sys.stdout.isatty():
        return _ask(question)
    answer = question.usual if given is None else given
    if answer is None:
        raise CommandError(f"{question.flag} is missing: {question.text}", status=2)
    try:
        question.check(answer)
    except WrongValueError as error:
        raise CommandError(f"{question.flag} {shown(answer)}: {error}", status=2) from None
    return answer


def _ask(question: Question) -> str:
    """Ask until there is an answer that can be taken; an empty one is the usual one."""
    hint = f" [{question.usual}]" if question.usual else ""
    while True:
        try:
            answer = input(f"{question.text}{hint}: ").strip() or question.usual
        except EOFError:
            print()
            why = f"no answer to: {question.text}: nothing was written"
            raise CommandError(why) from None
        try:
            if answer is not None:
                question.check(answer)
                return answer
        except WrongValueError as error:
            print(f"  {shown(answer)} {error}")
