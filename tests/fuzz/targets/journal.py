"""The journal: any bytes are adopted, or set aside with a warning, and the agent goes on from them.

The first byte of an input chooses whether the rest is the file, or an object of JSON under the
right digest: what the digest fits may be nonsense all the same. MACHINE and BOOT stand for this
machine's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from freshkey.core.agent.step import step
from freshkey.core.keys.shifting import shifted
from freshkey.core.model.actions import LookUp, Publish, Renew, Revoke, RevokeToken
from freshkey.core.model.events import Event, Published, Started, Woke
from freshkey.core.model.ledger import to_ledger
from freshkey.core.model.secret import Secret
from freshkey.core.model.struct import replace
from freshkey.core.pacing.chance import Chance
from freshkey.daemon.journal_keeper import JournalKeeper
from freshkey.host.clock import boot_time
from freshkey.host.identity import boot_id, machine_id
from freshkey.outputs.codec import decode, encode, seal
from structlog.testing import capture_logs

from tests.core.scripts import ORIGIN, desired_state, policy, sources
from tests.fuzz.canary import CANARY, OTHER, hidden_in
from tests.fuzz.target import Target
from tests.outputs.test_codec import HEADER, ledger

if TYPE_CHECKING:
    from freshkey.core.model.ledger import Ledger
    from freshkey.core.model.state import AgentState
    from freshkey.outputs.journal import Journal
    from freshkey.outputs.state_dir import StateDirectory

POLICY = policy("kept", "minted")
STEPS = 12


@dataclass
class OneJournal:
    """A file with this content."""

    content: bytes
    aside: list[Path] = field(default_factory=list)

    def read(self) -> bytes:
        return self.content

    def set_aside(self) -> Path:
        self.aside.append(Path("/run/journal.json.unreadable-1"))
        return self.aside[-1]


def check(data: bytes) -> None:
    sealed, content = data[:1] == b"s", data[1:]
    content = content.replace(b"MACHINE", (machine_id() or "0" * 32).encode())
    content = content.replace(b"BOOT", (boot_id() or "0" * 32).encode())
    journal = OneJournal(seal(content) if sealed else content)
    keeper = JournalKeeper(
        cast("StateDirectory", None), desired_state(POLICY), cast("Journal", journal)
    )
    with capture_logs() as told:
        adopted = keeper.restore()
    assert [event["event"] for event in told] == [
        "journal.set_aside" if journal.aside else "journal.adopted"
    ]
    hidden_in([repr(event) for event in told], CANARY)
    go_on(adopted.state, journal.content.decode("utf-8", "replace"))


def go_on(state: AgentState, content: str) -> None:
    """Let time pass without an answer: nothing crashes, spins, or touches what is not of it."""
    now, events = boot_time(), cast("tuple[Event, ...]", (Started(),))
    for number in range(STEPS):
        result = step(POLICY, state, events, now, Chance(number))
        assert result.wake_at > now, "it spins"
        state, answers = result.state, list[Event]()
        for action in result.actions:
            match action:
                case Publish():
                    answers.append(Published(action))
                case Revoke() | Renew() | LookUp():
                    assert of_the_journal(action.lease_id, content)
                case RevokeToken():
                    assert of_the_journal(action.token.reveal(), content)
                    hidden_in([str(action)])
        written = encode(HEADER, to_ledger(state, ORIGIN, sources(POLICY)))
        decode(written)  # or the next start would lose all of it
        now = now if answers else min(result.wake_at, now + 3600)
        events = tuple(answers) or (Woke(),)


def of_the_journal(text: str, content: str) -> bool:
    """Whether it stands there, or may stand there in escapes."""
    return repr(text)[1:-1] in content or text in content or "\\" in content


def _whole(of: Ledger) -> bytes:
    """A journal of this machine that is adopted as it stands."""
    header = replace(HEADER, machine_id="MACHINE", boot_id="BOOT", written_at=boot_time())
    return encode(header, of)


def _with_retired_token() -> Ledger:
    """A journal of now, with a token that no lease needs any more: it is revoked."""
    now = shifted(ledger(), boot_time() - LATEST)
    assert now.token is not None
    return replace(now, retired_tokens=(replace(now.token, number=9, secret=Secret(OTHER)),))


def _inner(content: bytes) -> bytes:
    return b"{" + content.partition(b"\n")[2]


LATEST = 1020.0  # when the journal of the tests of the codec is written, about
WHOLE = _whole(ledger())
TARGET = Target(
    check,
    (
        b"s" + _inner(WHOLE),
        b"s" + _inner(_whole(_with_retired_token())),
        b"s" + _inner(encode(HEADER, ledger())),
        b"f" + WHOLE,
        b"f{",
        b'f{"version": 2, "header": {}, "ledger": {}}',
        b"s" + _inner(WHOLE).replace(b"https://vault:8200", b"https://other:8200"),
    ),
    (
        *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"null", b"true", b'""', b"[]", b"{}"),
        *(b"-1", b"9" * 400, b"9" * 5000, b'"\\ud800"', b'"\\u0000"', b'"MACHINE"', b'"BOOT"'),
        *(b'"minted"', b"[" * 3000, b'"version": 3', b'"version": 9', b'"keys": ', b'"token": '),
        b'"retired": ',
    ),
    size=16_384,
)
