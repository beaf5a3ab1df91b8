"""What Prometheus would get from the agent while the story runs."""

import re
import shutil
import subprocess
from typing import Final, Protocol

METRICS: Final = frozenset(
    {
        "freshkey_build_info",
        "freshkey_faults_total",
        "freshkey_hooks_total",
        "freshkey_key_expires_seconds",
        "freshkey_key_generation",
        "freshkey_key_stale",
        "freshkey_leases",
        "freshkey_log_dropped_total",
        "freshkey_mints_abandoned_total",
        "freshkey_mints_total",
        "freshkey_publish_seconds_bucket",
        "freshkey_publish_seconds_count",
        "freshkey_publish_seconds_sum",
        "freshkey_reads_total",
        "freshkey_revocations_pending",
        "freshkey_rotations_total",
        "freshkey_token_expires_seconds",
        "freshkey_vault_request_seconds_bucket",
        "freshkey_vault_request_seconds_count",
        "freshkey_vault_request_seconds_sum",
    }
)
"""The names of all samples that docs/metrics.md promises."""

_SAMPLE: Final = re.compile(r"^(\w+)(?:\{.*\})? \S+$", re.MULTILINE)
_PROMTOOL: Final = "promtool"
_CHECK_WITHIN: Final = 30
"""Seconds."""


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
        lines = [f"metrics: {name} was never seen" for name in sorted(METRICS - self.names)]
        lines += [f"metrics: {name} is not documented" for name in sorted(self.names - METRICS)]
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
