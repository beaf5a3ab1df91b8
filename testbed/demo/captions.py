"""What the story says: a caption before each chapter, its outcome after it, a table at the end."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from testbed.demo.chapters import Chapter
from testbed.demo.judgement import Verdict


def caption(chapter: Chapter, number: int, of: int) -> RenderableType:
    """Say what is about to happen."""
    lines = Table.grid(padding=(0, 2))
    for word, text in (
        ("done", chapter.done),
        ("feared", chapter.feared),
        ("promised", chapter.promised),
    ):
        lines.add_row(Text(word, style="dim"), text)
    title = Rule(f"[bold]{number} of {of}: {chapter.title}[/]", align="left")
    return Group("", title, Padding(lines, (0, 0, 0, 2)))


def ending(verdict: Verdict) -> RenderableType:
    """Say how it came out."""
    if verdict.faults:
        return Group(*(Text(f"  MISSED    {line}", style="bold red") for line in verdict.faults))
    return Text(
        f"  held      {verdict.measured}, where {verdict.told.bound} is the bound; "
        f"refusals within it: {len(verdict.within)}, elsewhere: 0",
        style="green",
    )


def summary(verdicts: Sequence[Verdict]) -> RenderableType:
    """Draw the table."""
    table = Table(box=None, pad_edge=False)
    table.add_column("chapter")
    for column in ("bound", "measured", "refusals within", "refusals elsewhere"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for verdict in verdicts:
        elsewhere = len(verdict.elsewhere)
        table.add_row(
            verdict.told.name,
            str(verdict.told.bound),
            verdict.measured,
            str(len(verdict.within)),
            Text(str(elsewhere), style="bold red" if elsewhere else ""),
            Text("MISSED", style="bold red") if verdict.faults else Text("held", style="green"),
        )
    return table
