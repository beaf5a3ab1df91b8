"""Which socket a running agent is asked on."""

from __future__ import annotations

import codecs
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from freshkey.cli.arguments import DEFAULT_CONFIG
from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown
from freshkey.settings.file_names import path_of
from freshkey.settings.values import DEFAULT_SOCKET, WrongValueError, string

if TYPE_CHECKING:
    from argparse import Namespace


def agent_socket(options: Namespace) -> Path:
    """Return --socket, else $FRESHKEY_SOCKET, else the configuration's, else the default.

    A configuration that this user may not read is no error, nor one that is missing, or is no
    TOML, at the default place. Raises CommandError (2) for one that was named.
    """
    if named := options.socket or os.environ.get("FRESHKEY_SOCKET"):
        return Path(named)
    if config := options.config or os.environ.get("FRESHKEY_CONFIG"):
        found = _configured(Path(config), named=True)
    else:
        found = _configured(Path(DEFAULT_CONFIG), named=False)
    return found or Path(DEFAULT_SOCKET)


def _configured(config: Path, *, named: bool) -> Path | None:
    """Read server.socket and nothing else: the rest is the agent's business."""
    try:
        document = tomllib.loads(config.read_bytes().removeprefix(codecs.BOM_UTF8).decode())
        server = document.get("server")
        path = string(server.get("socket", "")) if isinstance(server, dict) else ""
    except PermissionError:
        return None
    except WrongValueError as error:
        raise CommandError(f"{shown(config)}: server.socket: {error}", 2) from None
    except OSError as error:
        why = f"{error.strerror}: name the configuration with --config or FRESHKEY_CONFIG"
    except RecursionError:
        why = "nests too deep to be read: nothing in a configuration does"
    except ValueError as error:  # no UTF-8, no TOML
        why = f"is not valid TOML: {shown(error)}"
    else:
        return config.absolute().parent / path_of(path) if path else None
    if not named:
        return None
    raise CommandError(f"{shown(config)}: {why}", 2)
