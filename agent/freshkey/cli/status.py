"""`freshkey status`: what the running agent holds."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Final, NoReturn

from freshkey.cli.agent_socket import agent_socket
from freshkey.cli.agent_status import agent_status
from freshkey.cli.ask import NoAgentError
from freshkey.cli.table import table
from freshkey.cli.trouble import Trouble

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping
    from pathlib import Path

_PAUSE: Final = 1.0  # seconds from one look to the next
_CLEAR: Final = "\x1b[H\x1b[2J"  # https://www.xfree86.org/current/ctlseqs.html
_HIDE_CURSOR: Final = "\x1b[?25l"
_SHOW_CURSOR: Final = "\x1b[?25h"
_CHANGING: Final = {"age", "expires_in"}  # what changes with every second


def status(options: Namespace) -> int:
    """Print it once, or until a signal."""
    path = agent_socket(options)
    if options.watch:
        if sys.stdout.isatty():
            _redraw(path, in_json=options.json)
        _print_changes(path, in_json=options.json)
    print(_rendered(agent_status(path), in_json=options.json))
    return 0


def _rendered(content: Mapping[str, object], *, in_json: bool) -> str:
    if in_json:
        return json.dumps(content, indent=2 if sys.stdout.isatty() else None)
    return "\n".join(table(content))


def _redraw(path: Path, *, in_json: bool) -> NoReturn:
    """Fill the terminal anew every second; the cursor comes back when a signal ends it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    frame = _cropped(_rendered(agent_status(path), in_json=in_json))
    try:
        print(end=_HIDE_CURSOR)
        while True:
            print(_CLEAR + frame, flush=True)
            time.sleep(_PAUSE)
            try:
                frame = _cropped(_rendered(agent_status(path), in_json=in_json))
            except NoAgentError as error:
                frame = str(error)
    finally:
        print(end=_SHOW_CURSOR, flush=True)


def _cropped(text: str) -> str:
    """What of a text fits into the terminal: a longer one would scroll with every frame."""
    size = os.get_terminal_size(sys.stdout.fileno())
    columns, rows = size.columns or 80, size.lines or 24  # a terminal need not know its size
    return "\n".join(line[:columns] for line in text.split("\n")[: rows - 1])


def _print_changes(path: Path, *, in_json: bool) -> NoReturn:
    """Print a block, or a line of JSON, at first and whenever more than time has passed."""
    content = agent_status(path)
    seen: object = None
    trouble = Trouble()
    while True:
        if (content_without_ages := _without_ages(content)) != seen:
            if seen is not None and not in_json:
                print()
            print(_rendered(content, in_json=in_json), flush=True)
            seen = content_without_ages
        time.sleep(_PAUSE)
        try:
            content = agent_status(path)
        except NoAgentError as error:
            trouble.tell(error)
        else:
            trouble.over()


def _without_ages(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_ages(v) for name, v in value.items() if name not in _CHANGING}
    if isinstance(value, list):
        return [_without_ages(item) for item in value]
    return value
