"""The command line, in this process."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout

from freshkey.cli.main import main


class Output(io.TextIOWrapper):
    """A standard output in UTF-8, as in most locales."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)

    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode("utf-8", "surrogateescape")


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command here; return its status, and what it said."""
    out, told = Output(), io.StringIO()
    real = sys.stdout
    try:
        with redirect_stdout(out), redirect_stderr(told):
            status = main(arguments)
    finally:
        sys.stdout = real
    return status, out.text(), told.getvalue()
