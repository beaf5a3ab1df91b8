"""The agent's own loop, journal, files, log, and readers' view, for many rotations in little time.

    python -m bench.accelerated DIRECTORY ROTATIONS

trio's clock jumps to the next deadline, and Vault and OpenAI are a dozen lines here that agree to
everything; sockets and HTTP are no part of it. Each line of output is JSON: rotations so far, and
KiB that are resident.
"""

from __future__ import annotations

import gc
import json
import os
import re
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio.testing
from freshkey.core.model import actions, events
from freshkey.core.model.grants import Grant, Login, Renewal, TokenKind
from freshkey.core.model.secret import Secret
from freshkey.core.model.verdict import Finding, Verdict
from freshkey.daemon.assembly import ProcessParts, assemble
from freshkey.daemon.loop import Loop
from freshkey.logs.redact import add_secret
from freshkey.logs.setup import configure
from freshkey.outputs.state_dir import StateDirectory
from freshkey.settings import load

if TYPE_CHECKING:
    from freshkey.daemon.environment import AgentEnvironment

LEASE: Final = 60.0  # seconds: a short one, so that fewer naps lie between two rotations
EVERY: Final = 1000  # rotations between two looks at the memory
CONFIGURATION: Final = """
[vault]
address = "http://127.0.0.1:8200"
[auth]
role_id = "role"
secret_id_file = "secret_id"
[state]
directory = "state"
[keys.billing]
path = "openai/creds/billing"
[[keys.billing.files]]
path = "keys/billing"
"""


class VirtualEnvironment:
    """The daemon's own environment, but for its clock, which is trio's."""

    def __init__(self, real: AgentEnvironment) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        return getattr(self._real, name)

    def now(self) -> float:
        """Seconds on the virtual clock."""
        return trio.current_time()

    def jumped(self) -> bool:
        """It does not jump; the wall clock stands still beside it."""
        return False


class Agreeable:
    """Stands in for Vault and OpenAI, and looks at the memory now and then."""

    def __init__(self, rotations: int) -> None:
        self._rotations = rotations
        self._numbers = count(1)
        self.done = False

    async def perform(self, order: Any) -> events.Event:  # noqa: ANN401 - the loop's orders, all of them
        """Agree at once."""
        await trio.lowlevel.checkpoint()
        now = trio.current_time()
        match order:
            case actions.LogIn():
                login = Login(
                    *(_secret("hvs"), "a", TokenKind.SERVICE, None),
                    renewable=False,
                    owned=True,
                    asked_at=now,
                )
                add_secret(login.token)
                return events.LoggedIn(order, login)
            case actions.Issue():
                return events.Issued(order, self._mint(now))
            case actions.Test():
                return events.Tested(order, Finding(Verdict.GOOD, "200, a list of models"))
            case actions.LookUp():
                return events.LookedUp(order, Renewal(LEASE, renewable=False, asked_at=now))
            case actions.Revoke():
                return events.Revoked(order)
        raise TypeError(f"nobody expects {order!r}")

    def _mint(self, now: float) -> Grant:
        number = next(self._numbers)
        if number % EVERY == 0:
            print(json.dumps([number, resident()]), flush=True)
        self.done = number >= self._rotations
        secret = _secret("sk-svcacct")
        add_secret(secret, "billing")
        lease = f"openai/creds/billing/{number:024}"
        return Grant(
            *(lease, LEASE),
            renewable=False,
            secret=secret,
            asked_at=now,
            api_key_id=f"key_{number}",
            service_account=f"sa_{number}",
            request_id=f"{number}",
        )

    def finish_login(self) -> None:
        """There is nothing to let go of."""

    def give_up(self) -> None:
        """There is nothing to let go of."""


def _secret(prefix: str) -> Secret:
    return Secret(f"{prefix}-{os.urandom(48).hex()}")


def resident() -> int:
    """KiB of this process (proc(5))."""
    found = re.search(
        r"^VmRSS:\s+([0-9]+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE
    )
    return int(found[1]) if found else 0


async def run(directory: Path, state: StateDirectory, rotations: int) -> None:
    """Rotate so often."""
    parts = assemble(load(directory / "config.toml", {}), ProcessParts.of(state))
    executor = Agreeable(rotations)
    environment = VirtualEnvironment(parts.environment)
    loop = Loop(parts.loop.policy, parts.loop.state, environment)
    await loop.run(executor, until=lambda _: executor.done)


def main() -> None:
    """Make a configuration in the directory, and work there."""
    directory, rotations = Path(sys.argv[1]), int(sys.argv[2])
    (directory / "secret_id").write_text("secret")
    config = directory / "config.toml"
    config.write_text(CONFIGURATION)
    config.chmod(0o600)
    configure("info", "json")
    gc.freeze()  # as the agent does once it has started
    with StateDirectory.open(directory / "state", allow_disk=False) as state:
        clock = trio.testing.MockClock(autojump_threshold=0)
        trio.run(run, directory, state, rotations, clock=clock)


if __name__ == "__main__":
    main()
