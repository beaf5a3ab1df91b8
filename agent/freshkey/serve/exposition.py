"""Metrics as Prometheus reads them, by its own library.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Labels: TypeAlias = tuple[str, ...]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """A gauge or a counter: its values by their labels, in the order of `labels`."""

    kind: str
    name: str
    help: str
    labels: Labels
    values: Mapping[Labels, float]


class HistogramMetric(NamedTuple):
    """Histograms by their labels: bounds, counts for each and one beyond them, and the sum."""

    name: str
    help: str
    labels: Labels
    values: Mapping[Labels, tuple[Sequence[float], Sequence[int], float]]


def exposition(metrics: Iterable[Metric | HistogramMetric]) -> bytes:
    """Return the text of `GET /metrics`."""
    from prometheus_client.exposition import generate_latest  # noqa: PLC0415 - slow: only if scraped

    class Registry:
        """All that the library asks of one."""

        def collect(self) -> Iterator[Any]:
            return map(_family, metrics)

    return generate_latest(Registry())  # nothing else of a registry is used


def _family(metric: Metric | HistogramMetric) -> Any:  # noqa: ANN401 - of a library that is imported late
    from prometheus_client import metrics_core  # noqa: PLC0415 - slow: only if scraped

    if isinstance(metric, HistogramMetric):
        histogram = metrics_core.HistogramMetricFamily(
            metric.name, metric.help, labels=metric.labels
        )
        for labels, (bounds, counts, total) in metric.values.items():
            histogram.add_metric(labels, _buckets(bounds, counts), total)
        return histogram
    of_kind = {
        "gauge": metrics_core.GaugeMetricFamily,
        "counter": metrics_core.CounterMetricFamily,
    }
    family = of_kind[metric.kind](metric.name, metric.help, labels=metric.labels)
    for labels, value in metric.values.items():
        family.add_metric(labels, value)
    return family


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Add the counts up: a bucket of Prometheus holds all below its bound."""
    total, buckets = 0, []
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
