"""What Prometheus would get from the agent while the story runs."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final, Protocol

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
_SAMPLE: Final = re.compile(r"^(\w+)(?:\{.*\})? \S+$", re.MULTILINE)
_PARTS: Final = ("bucket", "count", "sum")
_PROMTOOL: Final = "promtool"
_CHECK_WITHIN: Final = 30
"""Seconds."""


def promised() -> set[str]:
    """Return the names of all samples that docs/metrics.md promises."""
    names: set[str] = set()
    rows = re.findall(r"^\| `(freshkey_\w+)[^|]*\| (a histogram)?", PAGE.read_text(), re.MULTILINE)
    for name, histogram in rows:
        names |= {f"{name}_{part}" for part in _PARTS} if histogram else {name}
    return names


class Exposing(Protocol):
    """What has metrics."""

    def metrics(self) -> str | None:
        """Return them as Prometheus's text, None when there is no answer."""


class Scrapes:
    """Collects the names of the samples that were seen, and keeps the last exposition."""

    def __init__(self) -> None:
        self.count = 0
        self.names: set[str] = set()
        self._last = ""

    def take(self, agent: Exposing) -> None:
        """Scrape once; an agent that does not answer changes nothing."""
        text = agent.metrics()
        if text is not None:
            self.count += 1
            self.names.update(_SAMPLE.findall(text))
            self._last = text

    def faults(self) -> list[str]:
        """Say which metrics were never seen, which nobody promised, and what promtool minds."""
        unseen = sorted(promised() - self.names)
        lines = [f"metrics: {name} was never seen" for name in unseen]
        lines += [f"metrics: {name} is not documented" for name in sorted(self.names - promised())]
        if self.has_promtool():
            done = subprocess.run(
                [_PROMTOOL, "check", "metrics"],
                input=self._last,
                capture_output=True,
                text=True,
                timeout=_CHECK_WITHIN,
                check=False,
            )
            lines += [f"promtool: {line}" for line in (done.stdout + done.stderr).splitlines()]
        return lines

    @staticmethod
    def has_promtool() -> bool:
        """Tell whether Prometheus's own check of names can be made here."""
        return shutil.which(_PROMTOOL) is not None

    def summary(self) -> str:
        """Say what was seen, in a line."""
        checked = "by promtool" if self.has_promtool() else "by no one: promtool is missing"
        return f"/metrics: {self.count} scrapes, {len(self.names)} names, checked {checked}"
