"""The metrics page of the documentation, made from the definitions."""

from typing import Final

from alvh.adapters.prometheus.definitions import DEFINITIONS

_LABELS: Final = {
    "code": "an error code of the feed's vendor, or `other`",
    "index": "SPX, RUT or IWM",
    "instrument": "what the feed quotes, or `other`",
    "leg": "L1, L1b, L2, L3a, L3b or FIN",
    "limit": "soft or hard",
    "phase": "OFF, STANDBY, INITIAL, STAGED, CONFIRMED, MONETISE or COOLDOWN",
    "portfolio": "id of a configured portfolio",
    "reason": "why: a reason code of the messages for adjustments, else one of a closed set of words, or `other`",
    "signal": "S03 to S48",
    "source": "kind of the feed: ib, tape or simulated",
    "subject": "what was left out: answer, observation, inbound, curve, session, timer or other",
    "version": "of this program",
    "vix_points": "5, 6, 7, 10 or 20",
}

_HEAD: Final = """\
# Metrics

Served at `/metrics` for Prometheus, as text or OpenMetrics, whichever is asked for. This page is made from
`service/alvh/adapters/prometheus/definitions.py`; a test holds the two and what is served together.

* Units are base units; a point in time is a timestamp in Unix seconds, never an age:
  `time() - alvh_quote_timestamp_seconds` is the age.
* Every series is there from the start on, so that none can vanish and none begins with its first event. A gauge that
  is not known yet is NaN, which is neither above nor below any threshold; a timestamp of what has not happened is 0.
* Label values are bounded by the configuration. What comes from outside and is not among them is counted as `other`.
* Counters begin at 0 with the process; use `rate` or `increase`.
* Beside these, `process_*` tells about CPU, memory and file descriptors where the operating system does.

| metric | kind | labels | what it says |
|---|---|---|---|
"""


def metrics_page() -> str:
    """Return the page in Markdown."""
    lines = [_HEAD.rstrip("\n")]
    for definition in DEFINITIONS:
        labels = ", ".join(f"`{label}`" for label in definition.labels) or "none"
        lines.append(f"| `{definition.name}` | {definition.kind} | {labels} | {definition.help} |")
    lines += ["", "## Labels", "", "| label | values |", "|---|---|"]
    lines += [f"| `{label}` | {text} |" for label, text in _LABELS.items()]
    lines += ["", "## Buckets, seconds", ""]
    for definition in DEFINITIONS:
        if definition.kind == "histogram":
            lines.append(f"* `{definition.name}`: {', '.join(f'{bound:g}' for bound in definition.buckets)}")
    return "\n".join([*lines, ""])
