"""Alerts and dashboard: their queries are about metrics that exist, and say what they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from freshkey.core.model.state import AgentState
from freshkey.daemon.counters import Counters
from freshkey.daemon.metrics import metrics
from freshkey.serve.exposition import HistogramMetric, exposition

from tests.core.scripts import policy
from tests.core.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "configs" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "configs" / "grafana" / "freshkey.json"
PAGE = ROOT / "docs" / "metrics.md"
RULE_TESTS = Path(__file__).with_name("alerts_test.yaml")

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing: apt-get install prometheus"
)


def promtool(*arguments: str, stdin: bytes = b"") -> str:
    """Run it, and return what it said; it has to be content."""
    done = subprocess.run(
        ["promtool", *arguments], input=stdin, capture_output=True, check=False, timeout=60
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def names() -> set[str]:
    """The names of all samples."""
    found = set()
    for metric in metrics(AgentState(), Counters()):
        if isinstance(metric, HistogramMetric):
            found |= {f"{metric.name}_{part}" for part in ("bucket", "count", "sum")}
        else:
            found.add(metric.name + "_total" * (metric.kind == "counter"))
    return found


def labels() -> set[str]:
    return {label for metric in metrics(AgentState(), Counters()) for label in metric.labels}


def alerts() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from group["rules"]


def dashboard_queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]  # rows: none


def test_every_query_is_about_metrics_that_exist() -> None:
    for query in [*(rule["expr"] for rule in alerts()), *dashboard_queries()]:
        asked = set(re.findall(r"freshkey_\w+", query))
        assert asked
        assert asked <= names(), query
        by = re.findall(r"by \(([^)]*)\)|on \(([^)]*)\)", query)
        used = {label.strip() for found in by for part in found for label in part.split(",")}
        used |= set(re.findall(r"(\w+)=~?\"", query))
        assert used <= labels() | {"instance", "le", ""}, query


def test_the_dashboard_shows_every_metric() -> None:
    shown = set(re.findall(r"freshkey_\w+", " ".join(dashboard_queries())))
    assert names() - shown == {
        f"freshkey_{histogram}_seconds_{part}"
        for histogram in ("vault_request", "publish", "gateway_added")
        for part in ("count", "sum")
    }


def test_no_panel_lies_upon_another() -> None:
    seen: set[tuple[int, int]] = set()
    panels = json.loads(DASHBOARD.read_text())["panels"]
    for panel in panels:
        at = panel["gridPos"]
        across, down = range(at["x"], at["x"] + at["w"]), range(at["y"], at["y"] + at["h"])
        cells = {(x, y) for x in across for y in down}
        assert max(across) < 24
        assert not cells & seen, panel["title"]
        seen |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_page_names_every_metric() -> None:
    told = set(re.findall(r"^\| `(freshkey_\w+)", PAGE.read_text(), re.MULTILINE))
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in names()}
    assert told == families


def test_every_alert_has_a_test() -> None:
    tested = set(re.findall(r"alertname: (\w+)", RULE_TESTS.read_text()))
    assert tested == {rule["alert"] for rule in alerts()}


@needs_promtool
def test_the_alerts_fire_when_they_should() -> None:
    promtool("check", "rules", str(ALERTS))
    assert "SUCCESS" in promtool("test", "rules", str(RULE_TESTS))


@needs_promtool
def test_a_rule_that_is_wrong_would_be_found(tmp_path: Path) -> None:
    rules, tests = tmp_path / "alerts.yaml", tmp_path / "test.yaml"
    rules.write_text(
        ALERTS.read_text().replace("freshkey_key_stale == 1", "freshkey_key_stale == 2")
    )
    tests.write_text(
        RULE_TESTS.read_text().replace("../../configs/prometheus/alerts.yaml", str(rules))
    )
    done = subprocess.run(
        ["promtool", "test", "rules", tests], capture_output=True, check=False, timeout=60
    )
    assert done.returncode != 0


@needs_promtool
def test_prometheus_takes_every_query_of_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {"record": f"dashboard:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(dashboard_queries())
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))


@needs_promtool
def test_names_and_texts_keep_to_prometheus_rules() -> None:
    world = World(policy("billing", "search")).start().run(10)
    counters = Counters()
    counters.on_read("billing", "get", "served")
    counters.on_hook("billing", "done")
    said = promtool("check", "metrics", stdin=exposition(metrics(world.state, counters)))
    assert said.strip() == ""
