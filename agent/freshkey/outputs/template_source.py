"""Where the text of a template comes from, and whether it can be trusted.

Jinja2 is imported only when there is a template: it costs a start 17 ms, and 2.4 MiB.
"""

from __future__ import annotations

import codecs
import os
import stat
from typing import TYPE_CHECKING, Final

from freshkey.settings.trust import writable_by

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from freshkey.outputs.templates import Template
    from freshkey.settings.keys import FileSettings

LONGEST: Final = 64 * 1024  # bytes of a template, and of what it makes


class TemplateError(Exception):
    """A template that can't be used; each of `problems` is one line that says what to do."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def template_of(target: FileSettings, names: Collection[str]) -> Template:
    """Read and compile the template of a key file; `names` are those of all configured keys.

    Raises TemplateError.
    """
    file = target.template_file
    content = (target.template or "").encode() if file is None else _read(file)
    if len(content) > LONGEST:
        raise TemplateError(f"is longer than {LONGEST} bytes: shorten it")
    from freshkey.outputs.templates import compiled  # noqa: PLC0415 - slow, see this module

    return compiled(_decoded(content), names)


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise TemplateError("is no regular file: name one")
            if others := writable_by(status):
                raise TemplateError(
                    f"can be written by {others}: leave it to root or the agent's user "
                    "(chown, chmod go-w)"
                )
            return file.read(LONGEST + len(codecs.BOM_UTF8) + 1)
    except FileNotFoundError:
        raise TemplateError("there is no such file: make it, or name another") from None
    except PermissionError:
        raise TemplateError(f"can't be read by user id {os.geteuid()}: give it the right") from None
    except OSError as error:
        raise TemplateError(f"can't be read: {error.strerror}: name another file") from None


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would be waited for


def _decoded(content: bytes) -> str:
    try:
        return content.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise TemplateError("is UTF-16: save it as UTF-8") from None
        raise TemplateError(f"is not UTF-8 at byte {error.start}: save it as UTF-8") from None
