"""The journal as the app uses it: what to start from, and what to keep before every action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import structlog

from freshkey.core.keys.adoption import Adopted, DesiredState, adopt, fresh
from freshkey.core.keys.lifecycle import live_leases
from freshkey.core.keys.shifting import shifted
from freshkey.core.model.faults import FaultError
from freshkey.core.model.ledger import Entries, Ledger, to_ledger
from freshkey.core.model.text import one_line
from freshkey.host.clock import boot_time, wall_time
from freshkey.host.identity import boot_id, machine_id
from freshkey.logs.redact import add_secret
from freshkey.outputs.codec import EncodedKeys, Header, UnreadableError, decode, encode

if TYPE_CHECKING:
    from freshkey.core.model.faults import Fault
    from freshkey.core.model.state import AgentState
    from freshkey.outputs.journal import Journal
    from freshkey.outputs.state_dir import StateDirectory

_REVOKE: Final = (
    "the journal can't be written, so no later start will know of these: revoke the token "
    "(vault token revoke -accessor) and the leases, or they live to their end"
)

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


@final
class JournalKeeper:
    """Reads the journal once, and writes what has changed.

    Without a journal it keeps the state directory's lock only.
    """

    def __init__(
        self, directory: StateDirectory, desired_state: DesiredState, journal: Journal | None
    ) -> None:
        self._directory = directory
        self._journal = journal
        self.desired_state = desired_state
        self._written: Ledger | None = None
        self._entries = Entries()
        self._encoded = EncodedKeys()
        self._faults: dict[str, str] = {}

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
        _mask_secrets(ledger)
        rebooted = shift is not None
        if shift is not None:
            ledger = shifted(ledger, shift)
        adopted = adopt(ledger, self.desired_state, boot_time(), rebooted=rebooted)
        log.info("journal.adopted", keys=[e.name for e in ledger.keys], rebooted=rebooted)
        return adopted

    def adopt(self, ledger: Ledger) -> Adopted:
        """Return the state to go on from after a reload; the clock and the boot are the same."""
        return adopt(ledger, self.desired_state, boot_time())

    def ledger(self, state: AgentState) -> Ledger:
        """Return what of a state the next configuration goes on from."""
        desired_state = self.desired_state
        return to_ledger(state, desired_state.origin, desired_state.sources, self._entries)

    def write_journal(self, state: AgentState) -> None:
        """Write what the state needs after a restart, if that or the journal has changed.

        A journal that can't be written holds nothing back: a key without a journal is better than
        no key. It is told once, and tried again at the next look at the disk. In a state directory
        that is not this agent's alone, nothing is written.
        """
        try:
            change = self._directory.hold()
        except FaultError as error:
            self._tell_fault("state.failed", error.fault)
            return
        if self._is_mended("state.failed") or change is not None:
            path = one_line(str(self._directory.path))
            log.warning("state.restored", path=path, change=change or "can be used again")
            self._written = None
        if self._journal is not None:
            self._write(self._journal, state, told=change is not None)

    def close(self, state: AgentState) -> None:
        """Write once more at the end, and name what no later start will know of, if that fails."""
        if self._journal is None:
            return
        self.write_journal(state)
        leases = [lease_id for key in state.keys for lease_id in live_leases(key)]
        token = state.tokens.current
        if self._faults and (leases or token):
            accessor = token.accessor if token else None
            log.error("journal.lost", accessor=accessor, leases=leases, message=_REVOKE)

    def _write(self, journal: Journal, state: AgentState, *, told: bool) -> None:
        ledger = self.ledger(state)
        try:
            change = journal.change()
            if ledger == self._written and change is None:
                return
            self._written = None
            if journal.is_foreign:
                aside, reason = journal.set_aside(), "it is not the one that this agent wrote"
                log.warning("journal.set_aside", reason=reason, moved_to=one_line(str(aside)))
            header = Header(machine_id(), boot_id(), boot_time(), wall_time())
            journal.write(encode(header, ledger, self._encoded))
        except FaultError as error:
            self._tell_fault("journal.failed", error.fault)
            return
        self._written = ledger
        if self._is_mended("journal.failed"):
            log.info("journal.recovered")
        elif change is not None and not told:
            log.warning("journal.restored", path=one_line(str(journal.path)), change=change)

    def _tell_fault(self, event: str, fault: Fault) -> None:
        """Tell of a fault once, until it is mended or another."""
        if self._faults.get(event) != fault.message:
            log.warning(event, fault=fault.kind, message=fault.message)
        self._faults[event] = fault.message

    def _is_mended(self, event: str) -> bool:
        return self._faults.pop(event, None) is not None


def _mask_secrets(ledger: Ledger) -> None:
    if ledger.unwrapped is not None:
        add_secret(ledger.unwrapped.secret_id)
    for token in (ledger.token, *ledger.retired_tokens):
        if token is not None:
            add_secret(token.secret)
    for entry in ledger.keys:
        for credential in (entry.current, entry.candidate):
            if credential is not None:
                add_secret(credential.secret, entry.name)


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
    elapsed = max(0.0, wall_time() - header.wall)
    return boot_time() - elapsed - header.written_at
