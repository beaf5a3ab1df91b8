"""Makes the transition table in DESIGN.md by running the core: every row is one call of `step`.

`--check` changes nothing, and ends with 1 when the table is old.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshkey.core.agent.step import step
from freshkey.core.model.actions import Record
from freshkey.core.model.policy import AgentPolicy, KeyPolicy, Subject
from freshkey.core.pacing.chance import Chance

from tools.transition_exchange import exchange_rows
from tools.transition_rows import Row, idle_rows, key_rows, lease_rows, token_rows
from tools.transition_static import static_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freshkey.core.model.state import AgentState

DESIGN: Final = Path(__file__).parent.parent / "DESIGN.md"
BEGIN, END = "<!-- transition table: begin -->\n", "<!-- transition table: end -->\n"


def phase(state: AgentState) -> str:
    """Name what a row comes to: the replacement's phase, and what is unusual beside it."""
    (found,) = state.keys
    marks = [type(found.cycle).__name__]
    marks += ["withdrawn"] if found.withdrawn else []
    marks += ["stale"] if found.watch.stale else []
    return ", ".join(marks)


def token_phase(state: AgentState) -> str:
    """Name what the token and the link come to."""
    current = state.tokens.current
    marks = ["no token" if current is None else f"token {current.number}"]
    marks += ["abandoned"] if current is not None and current.abandoned else []
    marks += ["clipped"] if state.tokens.clipped else []
    marks += ["Vault away"] if state.link.away else []
    marks += ["stopping"] if state.stopping is not None else []
    return ", ".join(marks)


def table(rows: Iterator[Row], policy: AgentPolicy) -> Iterator[str]:
    """Run every row, and tell what it comes to."""
    yield "| phase | what happens | phase after | token and link after | orders |"
    yield "|---|---|---|---|---|"
    for before, what, state, event, now in rows:
        result = step(policy, state, [event], now, Chance(0))
        orders = [type(a).__name__ for a in result.actions if not isinstance(a, Record)]
        after, tokens = phase(result.state), token_phase(result.state)
        yield f"| {before} | {what} | {after} | {tokens} | {', '.join(orders)} |"


def section() -> str:
    """Return the part of DESIGN.md between the markers."""
    policy = AgentPolicy({"key": KeyPolicy(check_every=0, probe_every=0)})
    exchange = AgentPolicy({"key": KeyPolicy(subject=Subject.VAULT, check_every=0, probe_every=0)})
    parts = (
        ("The replacement of a key", key_rows()),
        ("A published key", idle_rows()),
        ("A secret without a lease", static_rows()),
        ("An access token of OpenAI's", exchange_rows()),
        ("Leases and files", lease_rows()),
        ("Token and link", token_rows()),
    )
    lines = []
    for title, rows in parts:
        ruled = exchange if title.startswith("An access token") else policy
        lines += ["", f"### {title}", "", *table(rows, ruled)]
    return "\n".join([*lines, "", ""])


def main() -> int:
    """Write the table, or check it."""
    design = DESIGN.read_text()
    before, found, rest = design.partition(BEGIN)
    old, closed, after = rest.partition(END)
    if not (found and closed):
        sys.stderr.write(f"DESIGN.md has no lines {BEGIN.strip()} and {END.strip()}\n")
        return 1
    new = section()
    if "--check" in sys.argv[1:]:
        if old != new:
            sys.stderr.write("DESIGN.md: the transition table is old: run `make table`\n")
        return int(old != new)
    DESIGN.write_text(before + BEGIN + new + END + after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
