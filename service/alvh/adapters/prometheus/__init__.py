"""Metrics for Prometheus: one table of definitions, cheap cells behind it, and what `/metrics` serves."""

from alvh.adapters.prometheus.definitions import DEFINITIONS, Bounds, Definition, PortfolioLimits
from alvh.adapters.prometheus.metrics import Hours, Metrics, PortfolioFigures, Round
from alvh.adapters.prometheus.reference import metrics_page

__all__ = [
    "DEFINITIONS",
    "Bounds",
    "Definition",
    "Hours",
    "Metrics",
    "PortfolioFigures",
    "PortfolioLimits",
    "Round",
    "metrics_page",
]
