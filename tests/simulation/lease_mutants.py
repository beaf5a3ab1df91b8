"""Agents that leave leases alive, or lose them: what a journal is for."""

from __future__ import annotations

from typing import Any, Final

from freshkey.core.keys import revocation
from freshkey.core.model.struct import replace
from freshkey.core.model.token import Token
from freshkey.daemon.journal_keeper import JournalKeeper
from freshkey.outputs import journal

from tests.simulation.histories import History, Incident, Kind
from tests.simulation.mutant import Mutant, module

_write_journal, _ledger = JournalKeeper.write_journal, JournalKeeper.ledger


def _write_no_intent(keeper: JournalKeeper, state: Any) -> None:  # noqa: ANN401 - as write_journal
    if not any(key.call == "mint" for key in state.keys):
        _write_journal(keeper, state)


def _write_once(keeper: JournalKeeper, state: Any) -> None:  # noqa: ANN401 - as write_journal
    if keeper._written is None or not any(key.generation for key in state.keys):  # noqa: SLF001 - a broken keeper's
        _write_journal(keeper, state)


def _write_until_it_fails(keeper: JournalKeeper, state: Any) -> None:  # noqa: ANN401 - as write_journal
    if not keeper._faults:  # noqa: SLF001 - a broken keeper's
        _write_journal(keeper, state)


def _forget_retired(keeper: JournalKeeper, state: Any) -> Any:  # noqa: ANN401 - as ledger
    ledger = _ledger(keeper, state)
    return replace(ledger, keys=tuple(replace(entry, retired=()) for entry in ledger.keys))


LEASE_MUTANTS: Final = (
    Mutant("revokes nothing", 2, ((revocation, "plan", lambda key, _: key),)),
    Mutant(
        "revokes no token",
        2,
        ((module("tokens.lifecycle"), "_plan_revocation", lambda tokens, *_: tokens),),
    ),
    Mutant(
        "takes a token for ended that it got after a sleep",
        2,
        ((Token, "last_end", property(lambda token: token.expires_at + token.term)),),
        history=History(
            seconds=20_600.0,
            incidents=(Incident(Kind.SUSPENDED, 0.06, 20_000.0),),  # its first login is under way
        ),
    ),
    Mutant(
        "forgets retired leases",
        2,
        ((JournalKeeper, "ledger", _forget_retired),),
        (Kind.FILE_REMOVED,),  # no more lives than one: only the last journal shows it
    ),
    Mutant(
        "mints without an intent",
        2,
        ((JournalKeeper, "write_journal", _write_no_intent),),
        history=History(
            seconds=300.0,
            incidents=(Incident(Kind.KILLED, 0.0, 1.0, 10, key=1),),  # with the first mint's answer
        ),
    ),
    Mutant(
        "writes no journal once that has failed",
        2,
        ((JournalKeeper, "write_journal", _write_until_it_fails),),
        (Kind.DISK_FULL,),
    ),
    Mutant(
        "keeps an old journal while the disk is full",
        1,
        ((journal, "_lacks_room", lambda _: False),),
        (Kind.DISK_FULL, Kind.KILLED, Kind.ROTATED),
    ),
    Mutant(
        "writes one journal", 2, ((JournalKeeper, "write_journal", _write_once),), (Kind.KILLED,)
    ),
)
