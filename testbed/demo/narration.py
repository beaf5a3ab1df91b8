"""What the story prints: an introduction to each scenario, its result, and a table at the end."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from testbed.demo.evaluation import Evaluation
from testbed.demo.scenarios import Scenario


def introduction(scenario: Scenario, number: int, of: int) -> RenderableType:
    """Say what is about to happen."""
    lines = Table.grid(padding=(0, 2))
    for label, text in (
        ("action", scenario.action),
        ("risk", scenario.risk),
        ("expected", scenario.expectation),
    ):
        lines.add_row(Text(label, style="dim"), text)
    title = Rule(f"[bold]{number} of {of}: {scenario.title}[/]", align="left")
    return Group("", title, Padding(lines, (0, 0, 0, 2)))


def result_line(evaluation: Evaluation) -> RenderableType:
    """Say how it came out."""
    if evaluation.faults:
        return Group(*(Text(f"  MISSED    {line}", style="bold red") for line in evaluation.faults))
    return Text(
        f"  held      {evaluation.measured}, where {evaluation.result.bound} is the bound; "
        f"refusals within it: {len(evaluation.within)}, elsewhere: 0",
        style="green",
    )


def summary_table(evaluations: Sequence[Evaluation]) -> RenderableType:
    """Draw the table."""
    table = Table(box=None, pad_edge=False)
    table.add_column("scenario")
    for column in ("bound", "measured", "refusals within", "refusals elsewhere"):
        table.add_column(column, justify="right")
    table.add_column("result")
    for evaluation in evaluations:
        elsewhere = len(evaluation.elsewhere)
        table.add_row(
            evaluation.result.name,
            str(evaluation.result.bound),
            evaluation.measured,
            str(len(evaluation.within)),
            Text(str(elsewhere), style="bold red" if elsewhere else ""),
            Text("MISSED", style="bold red") if evaluation.faults else Text("held", style="green"),
        )
    return table
