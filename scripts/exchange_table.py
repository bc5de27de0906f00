"""Writes the exchange's holidays and early closes as the installed exchange_calendars has them: run it after an update.

The table spares a start the second that pandas takes to load; `alvh.adapters.calendars` uses it only while the
installed version is the one it was written from, and a test holds the two against each other.
"""

import sys
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

from alvh.adapters.calendars import TABLE, library_sessions
from alvh.core.sessions import et_ns, et_time

FIRST, LAST = date(1970, 1, 1), date(2100, 12, 31)


def main() -> int:
    """Write the table; 1 where the library says what the table cannot hold."""
    known = {day: (open_ns, close_ns) for day, open_ns, close_ns in library_sessions(FIRST, LAST)}
    if any(open_ns != et_ns(day, "09:30") or day.weekday() > 4 for day, (open_ns, _) in known.items()):
        print("a session opens late or on a weekend: the table has no column for that", file=sys.stderr)
        return 1
    lines = [f"# XNYS {FIRST} to {LAST} as of exchange_calendars {version('exchange_calendars')}:"
             " weekdays without a session, and sessions that close early", "date,close_et"]  # fmt: skip
    for step in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=step)
        if day.weekday() > 4:
            continue
        clock = et_time(known[day][1]).strftime("%H:%M") if day in known else ""
        if clock != "16:00":
            lines.append(f"{day},{clock}")
    Path(TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
