"""`freshkey exec`: another command with keys in its environment."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from freshkey.cli.agent_socket import agent_socket
from freshkey.cli.arguments import DEFAULT_CONFIG
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.exec.key_names import DEFAULT_VARIABLE, THE_ONLY_KEY
from freshkey.exec.main import Task, run
from freshkey.exec.supervision import OnChange, Rules

if TYPE_CHECKING:
    from argparse import Namespace


def execute(options: Namespace) -> int:
    """Run a command with keys, and return its exit status."""
    rules = Rules(
        OnChange(options.on_change), options.signal, options.stop_timeout, options.allow_missing
    )
    variables = dict(options.env)
    if len(variables) < len(options.env):
        raise CommandError("--env: the same variable stands twice: name each once", 2)
    socket = agent_socket(options)
    task = Task(
        options.words,
        variables or {DEFAULT_VARIABLE: THE_ONLY_KEY},
        rules,
        socket,
        _config_of_our_own(options),
        _status_command(options),
    )
    return run(task, options.signal_mask)


def _config_of_our_own(options: Namespace) -> Path | None:
    """Return what to start an agent with; None if a running one was named."""
    if options.socket or os.environ.get("FRESHKEY_SOCKET"):
        return None
    config = Path(options.config or os.environ.get("FRESHKEY_CONFIG") or DEFAULT_CONFIG)
    return config.absolute() if os.access(config, os.R_OK) else None


def _status_command(options: Namespace) -> str:
    """Return the `freshkey status` that asks the same agent, in the same environment."""
    if options.socket:
        return f"freshkey status --socket {quote(shown(options.socket))}"
    if options.config:
        return f"freshkey status --config {quote(shown(options.config))}"
    return "freshkey status"
