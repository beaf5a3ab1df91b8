"""Run the demo: `python -m testbed.demo [--seconds N | --story NAMES] [--keep]`."""

import argparse
import contextlib
import os
import signal
import sys
from types import FrameType
from typing import Final

from testbed.binaries import BinaryError
from testbed.demo.chapters import CHAPTERS, Chapter, pick
from testbed.demo.errors import DemoError
from testbed.demo.place import Place
from testbed.demo.play import play
from testbed.demo.story import tell_story
from testbed.emulator.process import EmulatorError
from testbed.process import StartError
from testbed.vault_api import VaultError

FORESEEN: Final = (BinaryError, DemoError, EmulatorError, OSError, StartError, VaultError)


class Stop:
    """Turns true with SIGINT, SIGTERM, or SIGHUP; more of them change nothing.

    Nothing is raised: what is being started or stopped then goes on to its end, in order.
    """

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def __call__(self) -> bool:
        """Whether the demo shall end."""
        return self._asked

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self._asked = True


def main() -> int:
    """Run until the time is up or a signal comes; return the exit status."""
    arguments = _arguments()
    if arguments.story and arguments.seconds:
        _complain("SECONDS (--seconds) and STORY (--story) exclude each other: a story ends itself")
        return 2
    stop, place, well = Stop(), None, False
    try:
        with Place() as place:
            if arguments.story:
                well = tell_story(place, stop, arguments.story)
            else:
                well = play(place, stop, arguments.seconds)
            place.kept = arguments.keep or not well
    except FORESEEN as error:
        _complain(" ".join(str(error).split()))
    if place is not None and place.kept:
        _complain(f"the logs of all parts are in {place.logs}")
    return 0 if well else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testbed.demo", description=__doc__)
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="end after N seconds")
    parser.add_argument("--keep", action="store_true", help="keep the directory with its logs")
    parser.add_argument(
        "--story",
        type=_chapters,
        metavar="NAMES",
        help=f"tell what goes wrong: 1 for all of it, or some of {','.join(CHAPTERS)}",
    )
    return parser.parse_args()


def _chapters(text: str) -> tuple[Chapter, ...]:
    try:
        return pick(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, such as 60")
    return int(text)


def _complain(line: str) -> None:
    with contextlib.suppress(OSError):  # whoever closed our terminal doesn't read it
        print(f"demo: {line}", file=sys.stderr)


def _drop_output() -> None:
    """Keep the interpreter from flushing, and failing, once more at its end."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    status = main()
    _drop_output()
    sys.exit(status)
