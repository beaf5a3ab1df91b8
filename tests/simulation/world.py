"""What a history runs in: the models, the clocks, the disk, and the record of all that happened."""

from __future__ import annotations

import errno
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from socket import socket
from typing import Final, NamedTuple

import msgspec
import trio
from freshkey.core.model.view import KeyView
from freshkey.host.command import Ended

from tests.simulation.clocks import BOOT_AT, Clocks
from tests.simulation.histories import WINDOWS, History, Incident, Kind, NodeFault, key_name
from tests.simulation.kernel import Kernel
from tests.simulation.openai_model import Account, OpenAIModel
from tests.simulation.vault_api import VaultApi
from tests.simulation.vault_model import Lease, Role, VaultModel

SECRET_ID: Final = "5b0f6e7c-canary-secret-id"
_OF_THE_DISK: Final = {Kind.DISK_FULL, Kind.FILE_REMOVED, Kind.FILE_OVERWRITTEN}
FILE_BACKOFF: Final = 8.0  # a file is tried again at most every 5 s, and looked at every 2 s
_CALL: Final = 10.0  # seconds that a request to Vault may take


class Killed(BaseException):
    """The agent got SIGKILL: nothing of it runs any more, and nothing it remembered is left."""


class Steps(NamedTuple):
    """A step of the agent's by its number, among all steps or the rare ones."""

    number: int
    rare: bool


@dataclass
class World:
    """One run of a history. `now` is the lease clock."""

    history: History
    directory: Path
    clocks: Clocks = field(default_factory=Clocks)
    story: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # of the agent's log, as they are
    told: list[tuple[float, str, str]] = field(default_factory=list)  # when, event, of which key
    requests: list[tuple[float, str, str]] = field(default_factory=list)  # when, what, of whom
    kernel: Kernel = field(default_factory=Kernel)
    reloads: list[float] = field(default_factory=list)
    on_read: Callable[..., None] = lambda **_: None  # of the configuration, taken or refused
    steps: int = 0  # of the agent: system calls on its files, requests, answers
    rare_steps: int = 0  # of those: what an agent at rest does not make
    kill_at: Steps | None = None  # before which it is killed
    is_dead: bool = True
    agent_task: trio.lowlevel.Task | None = None  # all of an agent is in it, and in its nurseries
    on_kill: list[Callable[[], None]] = field(default_factory=list)
    on_change: list[Callable[[], None]] = field(default_factory=list)
    on_show: Callable[[KeyView], None] = lambda _: None
    connect: Callable[..., socket] = socket  # the gateway to OpenAI
    run_program: Callable[..., Awaitable[Ended]] | None = None  # what a hook says
    minting: int = 0  # requests for a mint under way
    lost: set[str] = field(default_factory=set)  # accounts of which nobody was told
    lost_tokens: set[str] = field(default_factory=set)  # the same
    ordered: dict[str, float] = field(default_factory=dict)  # when the last mint of a key was
    mints: list[float] = field(default_factory=list)  # when those were that Vault was asked for
    audit: str = ""  # the audit file
    past: list[Incident] = field(default_factory=list)
    events: list[str] = field(default_factory=list)  # what is logged, before it is masked
    journal_bytes: int = 0
    overgrown: str | None = None  # what of the agent's has held too much
    awaited: list[tuple[Steps, trio.Event]] = field(default_factory=list)
    old_journals: list[float] = field(default_factory=list)  # when a life began with one that a
    # full disk had kept as it was

    def __post_init__(self) -> None:
        history = self.history
        self.random = Random(history.seed)  # noqa: S311 - a simulation's
        self.agent_random = Random(history.seed + 1)  # noqa: S311 - a simulation's
        self.openai = OpenAIModel(self.random)
        self.vault = VaultModel(
            self.openai, self.random, history.token_ttl, history.token_max, history.batch
        )
        self.api = VaultApi(self.vault, "role-id", SECRET_ID)
        plans = [*enumerate(history.keys)]
        for index, plan in plans:
            name = key_name(index)
            role = Role(plan.ttl, 4 * plan.ttl, plan.renewable)
            self.vault.roles[name] = self.vault.roles[f"{name}-2"] = role
            if plan.static and not plan.federated:
                self.vault.static[name] = self.openai.create(name, self.now).secret
        self.vault.roles[key_name(3)] = Role(600.0, 2400.0)

    @property
    def now(self) -> float:
        """Seconds on the lease clock."""
        return BOOT_AT + self.elapsed

    @property
    def elapsed(self) -> float:
        """Seconds from the beginning."""
        return self.clocks.elapsed()

    @property
    def is_disk_touched(self) -> bool:
        """Whether somebody else than the agent has to do with its files."""
        return any(one.kind in _OF_THE_DISK for one in self.history.incidents)

    def was_disk_full(self, elapsed: float) -> bool:
        """Whether the journal could not be written for some time before this instant."""
        full = [one for one in self.past if one.kind is Kind.DISK_FULL]
        return any(one.at <= elapsed <= one.at + one.seconds + FILE_BACKOFF for one in full)

    def happened(self, incident: Incident) -> None:
        """Take note of an incident that happens now: what a suspended machine missed comes late."""
        late = msgspec.structs.replace(incident, at=self.elapsed)
        self.past.append(incident if incident.kind in WINDOWS else late)

    @property
    def as_it_was(self) -> History:
        """The history with its incidents so far, at the times when they happened."""
        return msgspec.structs.replace(self.history, incidents=tuple(self.past))

    def tell(self, text: str) -> None:
        """Add a line to the story, which does not name the directory: that has a random name."""
        self.story.append(f"{self.elapsed:10.3f}  {text.replace(str(self.directory), '…')}")

    def on_line(self, line: str) -> None:
        """Add a line of the agent's log to the story."""
        if not line.strip():
            return
        self.lines.append(line)
        fields = json.loads(line)
        del fields["timestamp"], fields["level"]
        event = fields.pop("event")
        self.told.append((self.elapsed, event, fields.get("key", "")))
        if event in {"reload.begun", "reload.refused"}:
            is_taken = event == "reload.begun"
            self.reloads += [self.elapsed] if is_taken else []
            self.on_read(is_taken=is_taken)
        self.tell(f"    {event} {' '.join(f'{name}={value}' for name, value in fields.items())}")

    def lives(self, account: Account) -> bool:
        """Whether a key works, and will for a while, as far as the agent was told."""
        lease = self.vault.leases.get(account.lease)
        if lease is not None:
            return account.works(self.now) and self.is_good_for_a_while(lease)
        return not account.lease and account.works(self.now + self._early)

    def is_good_for_a_while(self, lease: Lease) -> bool:
        """Whether a lease does not end soon, as far as the agent was told."""
        token = self.vault.tokens[lease.token]
        return self.now < min(lease.told_until, token.told_until) - self._early

    @property
    def _early(self) -> float:
        """How much too early a lease may end for the agent.

        It counts whole seconds, from its request on.
        """
        slow = [one.number for one in self.past if one.kind is Kind.VAULT_SLOW]
        frozen = [
            one.seconds
            for one in self.past
            if one.kind is Kind.VAULT_FROZEN
            or (one.kind is Kind.NODE_DOWN and one.number == NodeFault.FROZEN)
        ]
        waited = min(max(frozen, default=0.0), _CALL)
        return 1.0 + 4 * self.history.latency + 2 * max(slow, default=0) + waited

    def window(self, *kinds: Kind) -> Incident | None:
        """Return the first incident of these kinds that holds now."""
        elapsed = self.elapsed
        for incident in self.history.incidents:
            if incident.kind in kinds and incident.holds(elapsed):
                return incident
        return None

    def step(self, what: str, *, rare: bool = False) -> None:
        """Note a step of the agent's; the dead make none, and this may be where it is killed.

        `rare`: an agent at rest makes none of these.
        """
        if self.is_dead:
            raise Killed
        self.steps += 1
        self.rare_steps += rare
        for steps, reached in self.awaited:
            if self._is_reached(steps):
                reached.set()
        if self.kill_at is not None and self._is_reached(self.kill_at):
            self.tell(f"killed before: {what}")
            self.kill()
            raise Killed

    def _is_reached(self, steps: Steps) -> bool:
        return (self.rare_steps if steps.rare else self.steps) >= steps.number

    def after(self, count: int, *, rare: bool) -> Steps:
        """Return which step is the one after so many more, of all or of the rare ones."""
        return Steps((self.rare_steps if rare else self.steps) + count, rare)

    def reach(self, steps: Steps) -> trio.Event:
        """Return what is set at this step of the agent's."""
        reached = trio.Event()
        self.awaited.append((steps, reached))
        return reached

    def kill(self) -> None:
        """End the agent at once."""
        self.is_dead = True
        self.kill_at = None
        for end in tuple(self.on_kill):
            end()

    def note_disk(self) -> None:
        """Take note of what the agent has written by now."""
        for name, path in (("audit", "audit.jsonl"), ("journal", "state/journal.json")):
            with suppress(FileNotFoundError):
                content = (self.directory / path).read_text()
                if name == "audit":
                    self.audit = content
                else:
                    self.journal_bytes = len(content)

    def write(self) -> None:
        """Refuse what would take room on a full disk."""
        if self.window(Kind.DISK_FULL):
            raise OSError(errno.ENOSPC, "No space left on device")

    def changed(self) -> None:
        """Have everybody look who watches the world."""
        for look in self.on_change:
            look()
