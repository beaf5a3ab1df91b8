"""The journal as the app uses it: what to start from, and what to keep before every action."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, final

import structlog

from freshkey.core.keys.adoption import Adopted, DesiredState, adopt, fresh, shifted
from freshkey.core.model.faults import FaultError
from freshkey.core.model.ledger import Ledger, to_ledger
from freshkey.host.clock import boot_time
from freshkey.host.identity import boot_id, machine_id
from freshkey.logs.redact import know
from freshkey.outputs.codec import Header, UnreadableError, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.core.model.secret import Secret
    from freshkey.core.model.state import AgentState
    from freshkey.outputs.journal import Journal

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class JournalKeeper:
    """Reads the journal once, and writes what has changed. Without a journal it keeps nothing."""

    def __init__(self, journal: Journal | None, desired_state: DesiredState) -> None:
        self._journal = journal
        self.desired_state = desired_state
        self._written: Ledger | None = None
        self._failing = False

    def restore(self) -> Adopted:
        """Return the state to start from; a journal that can't be used is set aside.

        Raises FaultError (`output`) when the journal can't even be set aside.
        """
        nothing = Adopted(fresh(self.desired_state.policy))
        if self._journal is None:
            return nothing
        try:
            content = self._journal.read()
            if content is None:
                return nothing
            header, ledger = decode(content)
            shift = _shift(header)
        except (UnreadableError, FaultError) as reason:
            moved_to = self._journal.set_aside()
            why = reason.fault.message if isinstance(reason, FaultError) else str(reason)
            log.warning("journal.set_aside", reason=why, moved_to=str(moved_to))
            return nothing
        for secret in _secrets(ledger):
            know(secret)
        rebooted = shift is not None
        if shift is not None:
            ledger = shifted(ledger, shift)
        adopted = adopt(ledger, self.desired_state, boot_time(), rebooted=rebooted)
        log.info("journal.adopted", keys=[e.name for e in ledger.keys], rebooted=rebooted)
        return adopted

    def keep(self, state: AgentState) -> None:
        """Write what the state needs after a restart, if that has changed.

        A journal that can't be written holds nothing back: a key without a journal is better than
        no key. It is told once, and tried again with the next state.
        """
        if self._journal is None:
            return
        ledger = to_ledger(state, self.desired_state.origin, self.desired_state.sources)
        if ledger == self._written:
            return
        header = Header(machine_id(), boot_id(), boot_time(), time.time())
        try:
            self._journal.write(encode(header, ledger))
        except FaultError as error:
            if not self._failing:
                log.warning("journal.failed", fault=error.fault.kind, message=error.fault.message)
            self._failing = True
            return
        if self._failing:
            log.info("journal.recovered")
        self._failing = False
        self._written = ledger


def _secrets(ledger: Ledger) -> Iterator[Secret]:
    if ledger.unwrapped is not None:
        yield ledger.unwrapped.secret_id
    for token in (ledger.token, *ledger.retired_tokens):
        if token is not None:
            yield token.secret
    for entry in ledger.keys:
        for credential in (entry.current, entry.candidate):
            if credential is not None:
                yield credential.secret


def _shift(header: Header) -> float | None:
    """Return how far the journal's instants are moved after a reboot; None: the clock goes on.

    Raises UnreadableError for a copy from another machine: its leases are not this agent's.
    """
    here, boot = machine_id(), boot_id()
    same_boot = boot is not None and header.boot_id == boot
    known = here is not None and header.machine_id is not None
    if header.machine_id != here if known else not same_boot:
        raise UnreadableError("it is of another machine")
    if same_boot:
        return None
    elapsed = max(0.0, time.time() - header.wall)
    return boot_time() - elapsed - header.written_at
