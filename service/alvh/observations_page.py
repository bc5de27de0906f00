"""The observations signals know, as a page for people: series, unit, signal, and how old a value may be."""

from typing import Final

from alvh.core.signals.observations import SERIES

_HEAD: Final = """# Observations

Generated from `service/alvh/core/signals/observations.py`. What no quote carries reaches the service under these names:

* in a tape's `observations.csv` (`date,series,value[,consensus]`), known from that session's close on;
* on the topic `<root>/<instance>/observation/<series>`, as JSON:
  `{"value": 3.1, "date": "2026-05-12", "consensus": 3.0}` (`date` is the day it stands for, today where it is left out;
  `consensus` may be left out too);
* from the simulator and from Interactive Brokers, where these have it.

It counts from the next session close on. Older than its age it is shown as stale, and confirms nothing and vetoes
nothing. A series of another name, a date older than the newest of its series, or what is not a number is refused,
with a line in the log and a count in `alvh_refused_total{subject="observation"}` or `{subject="inbound"}`.

Scheduled releases (CPI, PPI, FOMC) are no observations: they come from a tape's `calendar.csv` or from the CSV and ICS
files that `calendar.releases` names (S20).

| series | also taken as | unit | feeds | stale after, days |
|---|---|---|---|---|
"""


def observations_page() -> str:
    """Return the page, Markdown."""
    rows = [
        f"| `{one.name}` | {f'`{one.alias}`' if one.alias else ''} | {one.unit} | {one.feeds} | {one.max_age_days} |\n"
        for one in SERIES.values()
    ]
    return _HEAD + "".join(rows)
