"""Files with a credential: any bytes are a word, a password, or a fault that quotes none of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from freshkey.client import FileKey, NoKeyError
from freshkey.core.model.faults import FaultError
from freshkey.logs.redact import clear_temporary
from freshkey.vault.login.credentials import read_credential, read_password
from structlog.testing import capture_logs

from tests.fuzz.canary import CANARY, hidden_in
from tests.fuzz.target import Target
from tests.fuzz.targets.configuration import place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from freshkey.core.model.secret import Secret

READERS: tuple[tuple[Callable[[Path, str], Secret], bool], ...] = (
    (read_credential, True),
    (read_password, False),
)


def check(data: bytes) -> None:
    path = place()
    path.write_bytes(data)
    for read, one_word in READERS:
        with capture_logs() as told:
            try:
                value = read(path, "secret_id_file").reveal()
            except FaultError as error:
                hidden_in([error.fault.message])
            else:
                assert value
                assert not one_word or (
                    value.isascii() and value.isprintable() and " " not in value
                )
                assert value.encode() in data
        hidden_in([repr(event) for event in told])
    clear_temporary()
    of_a_client(path, data)


def of_a_client(path: Path, data: bytes) -> None:
    """Read the same file as an application does, which wants a key."""
    try:
        key = FileKey(path, wait=0)()
    except NoKeyError as error:
        hidden_in([str(error)])
    else:
        assert key.encode() == data.strip()
        assert key.isprintable()
        assert " " not in key


SECRET = CANARY.encode()
TARGET = Target(
    check,
    (
        SECRET + b"\n",
        b"\xef\xbb\xbf" + SECRET + b"\r\n",
        b" " + SECRET + b"\xe2\x80\x8b",
        SECRET.decode().encode("utf-16"),
        b"pass word \xc3\xa9",
    ),
    (b"\0", b"\n", b"\xff", b"\xe2\x80\xa8", b"\xed\xa0\x80", b"\x1f", b" ", b"x" * 70_000, SECRET),
    size=80_000,
)
