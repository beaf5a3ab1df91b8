"""The files that `freshkey report` reads: audit files, and lists of service accounts."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from freshkey.cli.failure import CommandError
from freshkey.cli.output import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


def lines_of(path: Path, wanted: str) -> Iterator[str]:
    """Give the lines of a file, also of a gzipped one, and of standard input for `-`."""
    try:
        with _opened(path) as file:
            for line in file:
                yield line.decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error) as error:  # gzip's are these
        why = getattr(error, "strerror", None) or str(error)
        raise CommandError(f"{shown(path)}: {why}: name {wanted}") from None


@contextmanager
def _opened(path: Path) -> Iterator[Iterable[bytes]]:
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        if file.peek(2)[:2] == b"\x1f\x8b":
            with gzip.open(file) as unpacked:
                yield unpacked
        else:
            yield file


def service_accounts(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """Read lists of service accounts as OpenAI's API gives them: page by page, the last one too.

    https://platform.openai.com/docs/api-reference/project-service-accounts/list
    """
    accounts: list[tuple[str, str]] = []
    is_whole = False
    for path in paths:
        try:
            content: Any = json.loads("".join(lines_of(path, "a readable list of accounts")))
            data = content["data"] if isinstance(content, dict) else content
            accounts += [(str(account["id"]), str(account["name"])) for account in data]
            is_whole = is_whole or not (isinstance(content, dict) and content.get("has_more"))
        except (ValueError, TypeError, KeyError, RecursionError):
            message = 'is no list of service accounts, such as {"data": [{"id": …, "name": …}]}'
            raise CommandError(f"{shown(path)}: {message}") from None
    if not is_whole:
        message = "has_more is true: there are more pages: give each with --orphans, or ask for 100"
        raise CommandError(f"{shown(paths[-1])}: {message}")
    return accounts
