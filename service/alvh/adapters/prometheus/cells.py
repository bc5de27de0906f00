"""Where numbers are kept between two scrapes: plain cells, for one thread, made into samples when asked for."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import product

from prometheus_client import Metric
from prometheus_client.samples import Exemplar

from alvh.adapters.prometheus.definitions import Bounds, Definition

Labels = tuple[str, ...]


class Cells:
    """The series of one counter or gauge; no other than those its definition allows."""

    __slots__ = ("_definition", "_exemplars", "_rows", "_values")

    def __init__(self, definition: Definition, bounds: Bounds) -> None:
        self._definition = definition
        combinations = product(*(bounds.of(domain) for domain in definition.labels.values()))
        self._values: dict[Labels, float] = dict.fromkeys(combinations, definition.initial)
        self._rows = {labels: dict(zip(definition.labels, labels, strict=True)) for labels in self._values}
        self._exemplars: dict[Labels, Exemplar] = {}

    def has(self, *labels: str) -> bool:
        """Whether there is such a series."""
        return labels in self._values

    def set(self, value: float, *labels: str) -> None:
        """Set a series that is there from the start on."""
        assert labels in self._values, (self._definition.name, labels)
        self._values[labels] = value

    def add(self, *labels: str, exemplar: Exemplar | None = None) -> None:
        """Count one."""
        self.set(self._values[labels] + 1.0, *labels)
        if exemplar is not None:
            self._exemplars[labels] = exemplar

    def metric(self) -> Metric:
        """Return the series as they stand."""
        definition = self._definition
        is_counter = definition.kind == "counter"
        metric = Metric(definition.name.removesuffix("_total"), definition.help, definition.kind)
        for labels, value in self._values.items():
            name = f"{metric.name}_total" if is_counter else metric.name
            metric.add_sample(name, self._rows[labels], value, exemplar=self._exemplars.get(labels))
        return metric


class Times:
    """A histogram of durations in seconds."""

    __slots__ = ("_counts", "_definition", "_sum")

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._counts = [0] * (len(definition.buckets) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Note one duration."""
        self._counts[bisect_left(self._definition.buckets, seconds)] += 1
        self._sum += seconds

    def metric(self) -> Metric:
        """Return the buckets as they stand."""
        name = self._definition.name
        metric = Metric(name, self._definition.help, "histogram")
        for bound, count in self._cumulative():
            metric.add_sample(f"{name}_bucket", {"le": _upper(bound)}, count)
        metric.add_sample(f"{name}_count", {}, sum(self._counts))
        metric.add_sample(f"{name}_sum", {}, self._sum)
        return metric

    def _cumulative(self) -> Iterator[tuple[float, int]]:
        total = 0
        for bound, count in zip((*self._definition.buckets, float("inf")), self._counts, strict=True):
            total += count
            yield bound, total


def _upper(bound: float) -> str:
    return "+Inf" if bound == float("inf") else str(bound)
