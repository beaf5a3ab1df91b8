"""Run the demo: `python -m testbed.demo [--seconds N | --story NAMES] [--keep]`."""

import argparse
import contextlib
import os
import sys
from typing import Final

from testbed.binaries import BinaryError
from testbed.demo.errors import DemoError
from testbed.demo.runner import run_demo
from testbed.demo.scenario_runner import run_scenarios
from testbed.demo.scenarios import SCENARIOS, Scenario, select_scenarios
from testbed.demo.workdir import WorkDirectory
from testbed.emulator.process import EmulatorError
from testbed.process import StartError
from testbed.signals import StopSignal, keep_from_children
from testbed.vault_api import VaultError

EXPECTED_ERRORS: Final = (BinaryError, DemoError, EmulatorError, OSError, StartError, VaultError)


def main() -> int:
    """Run until the time is up or a signal comes; return the exit status."""
    arguments = _arguments()
    if arguments.story and arguments.seconds:
        _print_error(
            "SECONDS (--seconds) and STORY (--story) exclude each other: a story ends itself"
        )
        return 2
    keep_from_children()
    stop, workdir, succeeded = StopSignal(), None, False
    try:
        with WorkDirectory() as workdir:
            if arguments.story:
                succeeded = run_scenarios(workdir, stop, arguments.story)
            else:
                succeeded = run_demo(workdir, stop, arguments.seconds)
            workdir.keep = arguments.keep or not succeeded
    except EXPECTED_ERRORS as error:
        _print_error(" ".join(str(error).split()))
    if workdir is not None and workdir.keep:
        _print_error(f"the logs of all parts are in {workdir.logs}")
    return 0 if succeeded else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m testbed.demo", description=__doc__)
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="end after N seconds")
    parser.add_argument("--keep", action="store_true", help="keep the directory with its logs")
    parser.add_argument(
        "--story",
        type=_scenarios,
        metavar="NAMES",
        help=f"tell what goes wrong: 1 for all of it, or some of {','.join(SCENARIOS)}",
    )
    return parser.parse_args()


def _scenarios(text: str) -> tuple[Scenario, ...]:
    try:
        return select_scenarios(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _seconds(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, such as 60")
    return int(text)


def _print_error(line: str) -> None:
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
