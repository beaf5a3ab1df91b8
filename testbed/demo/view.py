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

from testbed.demo.agent import Shown
from testbed.demo.consumer import Kind
from testbed.demo.consumers.counts import Counts
from testbed.demo.figures import Figures

LINE_EVERY: Final = 5
"""Seconds."""

WIDEST: Final = 100
"""Columns."""

BAR: Final = 20
"""Columns."""


class View(Protocol):
    """A context manager that is given every look at the figures."""

    def show(self, figures: Figures) -> None:
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

    def show(self, figures: Figures) -> None:
        """Print a line when it is time for one."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY
            print(line(figures), flush=True)

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
        self._width = min(console.width, WIDEST)
        self._live = Live(console=console, auto_refresh=False)

    def show(self, figures: Figures) -> None:
        """Draw it."""
        self._live.update(panel(figures, self._width), refresh=True)

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


def line(figures: Figures) -> str:
    """Put the figures on a line."""
    key = "no key"
    if figures.shown:
        key = f"{figures.shown.tag} {_expiry(figures.shown)}"
    requests = "  ".join(
        f"{kind.name} {counts.served}/{counts.refused}"
        + (f" ({counts.failed} failed)" if counts.failed else "")
        for kind, counts in figures.consumers
    )
    return f"{figures.seconds:5.0f} s  {key}  keys alive {figures.alive}  {requests}"


def panel(figures: Figures, width: int) -> RenderableType:
    """Draw the figures, so many columns wide."""
    minutes, seconds = divmod(int(figures.seconds), 60)
    return Panel(
        Group(
            _key(figures),
            Text(
                f"alive at OpenAI {figures.alive}   most at once {figures.most}   "
                f"minted {figures.mints}   rotations {figures.rotations}\n"
            ),
            requests_table(figures.consumers),
            Text("\nthe agent's log", style="dim"),
            *(
                Text(event, style="dim", overflow="ellipsis", no_wrap=True)
                for event in figures.events
            ),
        ),
        title="freshkey demo",
        subtitle=f"{minutes}:{seconds:02}   Ctrl-C ends it",
        box=box.ROUNDED,
        width=width,
    )


def requests_table(consumers: tuple[tuple[Kind, Counts], ...]) -> Table:
    """Draw what became of the requests, a row for each application."""
    table = Table(box=None, pad_edge=False)
    table.add_column("consumer")
    table.add_column("")
    for column in ("served", "refused", "failed"):
        table.add_column(column, justify="right")
    for kind, counts in consumers:
        bad = "bold red" if kind.kept_fresh else "yellow"
        table.add_row(
            kind.name,
            Text(kind.way, style="dim"),
            Text(str(counts.served), style="green"),
            Text(str(counts.refused), style=bad if counts.refused else ""),
            Text(str(counts.failed), style=bad if counts.failed else ""),
        )
    return table


def _key(figures: Figures) -> RenderableType:
    shown = figures.shown
    if shown is None:
        return Text("the agent has no key", style="bold red")
    row = Table.grid(padding=(0, 2))
    left = max(0, shown.expires_in)
    row.add_row(
        Text(f"key {shown.tag}", style="bold"),
        Text(_expiry(shown), style="yellow" if shown.stale else ""),
        ProgressBar(total=max(1, figures.lease), completed=left, width=BAR),
    )
    return row


def _expiry(shown: Shown) -> str:
    return ("stale, " if shown.stale else "") + f"expires in {shown.expires_in:2} s"
