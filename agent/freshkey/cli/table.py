"""The agent's status for people. Any value may be missing: another version may have sent it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from freshkey.cli.output import columns, shown, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Fields = Mapping[str, object]

_KEYS = ("KEY", "TAG", "STATE", "AGE", "EXPIRES IN", "LEASES", "LAST FAULT")
_READERS = ("READ BY", "KEY", "TAG", "AGE", "UID", "UNIT", "EXECUTABLE")


def table(status: Fields) -> Iterator[str]:
    """Lay the object of `GET /v1/status` out in lines: agent, keys, failed files, readers."""
    vault, token = _fields(status, "vault"), _fields(status, "token")
    yield (
        f"freshkey  {shown(status.get('version'))}, pid {shown(status.get('pid'))}, "
        f"since {shown(status.get('started'))}"
    )
    fault = vault.get("fault")
    yield f"vault     {shown(vault.get('address'))}" + (f": {fault_text(fault)}" if fault else "")
    yield (
        f"token     accessor {shown(token.get('accessor'))}, "
        f"expires in {span(token.get('expires_in'))}"
    )
    keys = _listed(status, "keys")
    yield ""
    if not keys:
        yield "no key that this user may read"
        return
    yield from columns([_KEYS, *map(_key_row, keys)])
    failed = [(key, file) for key in keys for file in _listed(key, "files") if not file.get("ok")]
    if failed:
        yield ""
    for key, file in failed:
        why = f": {fault_text(file['fault'])}" if file.get("fault") else " yet: there is no key"
        yield f"{shown(key.get('name'))}: {shown(file.get('path'))}: not written{why}"
    readers = [_reader_row(key, reader) for key in keys for reader in _listed(key, "readers")]
    if readers:
        yield ""
        yield from columns([_READERS, *readers])


def fault_text(fault: object) -> str:
    """Write a fault on one line, with its time at the end."""
    if not isinstance(fault, dict):
        return shown(fault)
    what = [shown(fault[part]) for part in ("operation", "fault", "message") if fault.get(part)]
    moment = f" ({shown(fault['time'])})" if fault.get("time") else ""
    return (": ".join(what) or "-") + moment


def _key_row(key: Fields) -> Sequence[str]:
    leases, pending = key.get("leases"), key.get("pending_revocations")
    return (
        shown(key.get("name")),
        shown(key.get("tag")),
        shown(key.get("state")),
        span(key.get("age")),
        span(key.get("expires_in")),
        shown(leases) + (f", {shown(pending)} to revoke" if pending else ""),
        fault_text(key.get("last_fault")),
    )


def _reader_row(key: Fields, reader: Fields) -> Sequence[str]:
    return (
        f"pid {shown(reader.get('pid'))}",
        shown(key.get("name")),
        _held(key, reader),
        span(reader.get("age")),
        shown(reader.get("uid")),
        shown(reader.get("unit")),
        shown(reader.get("executable")),
    )


def _held(key: Fields, reader: Fields) -> str:
    """The tag that a reader holds, with what becomes of that key when it is no longer current."""
    held, current = reader.get("tag"), key.get("tag")
    if not held or not current or held == current:
        return shown(held)
    leases = key.get("leases")
    # Two leases at most are alive: that of the current key, and that of the one before it.
    ending = isinstance(leases, int) and leases > 1 and _number(held) == _number(current) - 1
    return f"{shown(held)} ({'about to be revoked' if ending else 'no longer current'})"


def _number(tag: object) -> int:
    """Return the generation in a tag, 0 for none."""
    number = str(tag).partition("-")[0]
    return int(number) if re.fullmatch("[0-9]{1,20}", number) else 0


def _fields(holder: Fields, name: str) -> Fields:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}


def _listed(holder: Fields, name: str) -> list[Fields]:
    value = holder.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
