"""What people see while the demo runs: a panel that lives, or lines where there is no terminal."""

import time
from types import TracebackType
from typing import Final, Protocol, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from testbed.demo.agent import PublishedKey
from testbed.demo.consumer import ConsumerKind
from testbed.demo.consumers.counts import Counts
from testbed.demo.measurements import Measurements

PRINT_EVERY: Final = 5
"""Seconds."""

MAX_WIDTH: Final = 100
"""Columns."""

BAR_WIDTH: Final = 20
"""Columns."""


class View(Protocol):
    """A context manager that is given every look at the figures."""

    def show(self, measurements: Measurements) -> None:
        """Show them, or leave it for a later look."""

    def __enter__(self) -> Self:
        """Start to show."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the last picture."""


class Lines:
    """A line every few seconds, after one that explains them."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, measurements: Measurements) -> None:
        """Print a line when it is time for one."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PRINT_EVERY
            print(line(measurements), flush=True)

    def __enter__(self) -> Self:
        print("requests are shown as served/refused", flush=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass


class Panels:
    """A panel that is drawn anew at every look."""

    def __init__(self, console: Console) -> None:
        self._width = min(console.width, MAX_WIDTH)
        self._live = Live(console=console, auto_refresh=False)

    def show(self, measurements: Measurements) -> None:
        """Draw it."""
        self._live.update(panel(measurements, self._width), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()


def make_view(console: Console) -> View:
    """Return the view for this console."""
    return Panels(console) if console.is_terminal and not console.is_dumb_terminal else Lines()


def line(measurements: Measurements) -> str:
    """Put the figures on a line."""
    key = "no key"
    if measurements.published_key:
        key = f"{measurements.published_key.tag} {_expiry(measurements.published_key)}"
    requests = "  ".join(
        f"{kind.name} {counts.served}/{counts.refused}"
        + (f" ({counts.failed} failed)" if counts.failed else "")
        for kind, counts in measurements.consumers
    )
    return f"{measurements.seconds:5.0f} s  {key}  keys alive {measurements.live_keys}  {requests}"


def panel(measurements: Measurements, width: int) -> RenderableType:
    """Draw the figures, so many columns wide."""
    minutes, seconds = divmod(int(measurements.seconds), 60)
    return Panel(
        Group(
            _key(measurements),
            Text(
                f"alive at OpenAI {measurements.live_keys}   "
                f"most at once {measurements.max_live_keys}   "
                f"minted {measurements.mints}   rotations {measurements.rotations}\n"
            ),
            requests_table(measurements.consumers),
            Text("\nthe agent's log", style="dim"),
            *(
                Text(event, style="dim", overflow="ellipsis", no_wrap=True)
                for event in measurements.events
            ),
        ),
        title="freshkey demo",
        subtitle=f"{minutes}:{seconds:02}   Ctrl-C ends it",
        box=box.ROUNDED,
        width=width,
    )


def requests_table(consumers: tuple[tuple[ConsumerKind, Counts], ...]) -> Table:
    """Draw what became of the requests, a row for each application."""
    table = Table(box=None, pad_edge=False)
    table.add_column("consumer")
    table.add_column("")
    for column in ("served", "refused", "failed"):
        table.add_column(column, justify="right")
    for kind, counts in consumers:
        bad = "bold red" if kind.follows_rotation else "yellow"
        table.add_row(
            kind.name,
            Text(kind.description, style="dim"),
            Text(str(counts.served), style="green"),
            Text(str(counts.refused), style=bad if counts.refused else ""),
            Text(str(counts.failed), style=bad if counts.failed else ""),
        )
    return table


def _key(measurements: Measurements) -> RenderableType:
    published_key = measurements.published_key
    if published_key is None:
        return Text("the agent has no key", style="bold red")
    row = Table.grid(padding=(0, 2))
    left = max(0, published_key.expires_in or 0)
    row.add_row(
        Text(f"key {published_key.tag}", style="bold"),
        Text(_expiry(published_key), style="yellow" if published_key.stale else ""),
        ProgressBar(total=max(1, measurements.lease), completed=left, width=BAR_WIDTH),
    )
    return row


def _expiry(published_key: PublishedKey) -> str:
    if published_key.expires_in is None:
        return "without an end"
    return ("stale, " if published_key.stale else "") + f"expires in {published_key.expires_in:2} s"
