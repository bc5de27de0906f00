"""Dashboards, recording rules and alerts, made from the metric definitions and one table of alerts."""
