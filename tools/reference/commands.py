"""What the command line takes, read from its parser."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, _HelpAction, _SubParsersAction
from typing import TYPE_CHECKING, NamedTuple

from freshkey.cli.parser import make_parser

if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Iterator


class Argument(NamedTuple):
    """An option or a positional argument: how it is written, and what it means."""

    written: str
    meaning: str
    optional: bool
    repeated: bool


class Command(NamedTuple):
    """One command, what it does, and its arguments."""

    name: str
    does: str
    arguments: tuple[Argument, ...]

    @property
    def synopsis(self) -> str:
        """Return how it is called."""
        return " ".join(("freshkey", self.name, *map(_in_synopsis, self.arguments)))


def subparsers(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    """Return the parser of each command, in the order of the help."""
    (found,) = (action for action in actions(parser) if isinstance(action, _SubParsersAction))
    return dict(found.choices)


def commands() -> Iterator[Command]:
    """List every command."""
    for name, parser in subparsers(make_parser()).items():
        shown = [
            action
            for action in actions(parser)
            if action.help != SUPPRESS and not isinstance(action, _HelpAction)
        ]
        optional = [action for action in shown if action.option_strings]
        positional = [action for action in shown if not action.option_strings]
        arguments = tuple(map(_argument, (*optional, *positional)))
        yield Command(name, parser.description or "", arguments)


def actions(parser: ArgumentParser) -> list[Action]:
    """Return the arguments of a parser."""
    return parser._actions  # noqa: SLF001 - argparse has no other way to list them


def _argument(action: Action) -> Argument:
    value = action.metavar if isinstance(action.metavar, str) else ""
    if action.choices:
        value = "|".join(map(str, action.choices))
    before = ["--"] if action.dest == "words" else action.option_strings[-1:]
    written = " ".join((*before, *([value] if value else [])))
    repeated = action.nargs == "+" or type(action).__name__ == "_AppendAction"
    return Argument(written, action.help or "", bool(action.option_strings), repeated)


def _in_synopsis(argument: Argument) -> str:
    more = " …" if argument.repeated else ""
    return f"[{argument.written}]{more}" if argument.optional else f"{argument.written}{more}"
