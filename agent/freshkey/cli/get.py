"""`freshkey get`: a key from the running agent to standard output, and nowhere else."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from freshkey.cli.agent_socket import agent_socket
from freshkey.cli.failure import CommandError
from freshkey.cli.waiting import forbid_core, next_key
from freshkey.outputs.quoting import assignment

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping


def get(options: Namespace) -> int:
    """Print a key, once there is one that is newer than asked for."""
    forbid_core()
    answer = next_key(agent_socket(options), options.name, options.newer_than, options.wait)
    text = _formatted(options.format, options.name, answer.content)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())  # as in files: UTF-8, whatever the locale
    sys.stdout.buffer.flush()
    return 0


def _formatted(wanted: str, name: str, content: Mapping[str, object]) -> str:
    key = str(content["key"])
    match wanted:
        case "json":
            return json.dumps(content) + "\n"
        case "env":
            try:
                return assignment("OPENAI_API_KEY", key) + "\n"
            except ValueError as error:
                raise CommandError(f"{name}: {error}") from None
        case _:
            return key + ("\n" if sys.stdout.isatty() else "")
