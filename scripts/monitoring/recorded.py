"""Recorded series: what alerts look at, one per instance of the service, and still there when its nodes are not.

Only the leader's figures count; a standby's may be old or missing. `job:NAME:leader` is the leader's word, and
`job:NAME:held` its last word for as long as it is worth something, so that no alert resolves because a series
vanished. NaN (not known) is no word. Whoever scrapes gives each instance of the service a job of its own whose name
begins with `alvh`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Half a day on duty; by then that nobody leads is the alert that counts.
HELD: Final = "6h"
# The next session is known when a node dies: a Friday's node speaks for the Monday behind it, and a long week-end.
HOURS_HELD: Final = "8d"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One recorded series: its name and what it is."""

    name: str
    expr: str


LEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "index_move_ratio": ("portfolio", "index"),
    "move_threshold_ratio": ("portfolio",),
    "sessions_since_rebalance": ("portfolio",),
    "timer_limit_sessions": ("portfolio", "limit"),
    "phase": ("portfolio", "phase"),
    "phase_timestamp_seconds": ("portfolio",),
    "hedge_cost_ratio": ("portfolio",),
    "hedge_cost_cap_ratio": ("portfolio",),
    "unanswered_adjustments": ("portfolio",),
    "account_differences": ("portfolio",),
    "answers_expected": ("portfolio",),
    "answer_deadline_timestamp_seconds": ("portfolio",),
    "live_quote_timestamp_seconds": ("instrument",),
    "commit_timestamp_seconds": (),
    "publish_timestamp_seconds": (),
    "outbox_pending_messages": (),
    "mqtt_connected": (),
    "log_durable": (),
    "archive_fault": ("reason",),
    "feed_connected": (),
}
"""What the leader's word is asked for, with the labels that stay."""

HOURS: Final = (
    "session_open_timestamp_seconds",
    "session_close_timestamp_seconds",
    "duty_start_timestamp_seconds",
    "calendar_end_timestamp_seconds",
)
"""What any node knows: it follows from the calendar."""

NODES: Final[Mapping[str, str]] = {
    "ready": "max",
    "redis_connected": "min",
    "leader": "sum",
    "heartbeat_timestamp_seconds": "max",
}
"""What is asked of all nodes together, and how they are put together."""

SKEW: Final = (
    "max by (job) (abs(alvh_clock_timestamp_seconds - timestamp(alvh_clock_timestamp_seconds))"
    ' or label_replace(abs(alvh_feed_clock_offset_seconds), "of", "feed", "", ""))'
)


def leader(name: str) -> str:
    """Name the leader's last word on a metric, `name` without its prefix."""
    assert name in LEADERS, name
    return f"job:alvh_{name}:held"


def records() -> list[Record]:
    """Return all of them, in the order in which they are to be evaluated."""
    found = []
    for name, labels in LEADERS.items():
        by = ", ".join(("job", *labels))
        known = f"alvh_{name} == alvh_{name}"
        expr = f"max by ({by}) (({known}) and on (job, instance) (alvh_leader == 1))"
        found.append(Record(name=f"job:alvh_{name}:leader", expr=expr))
        found.append(Record(name=leader(name), expr=f"last_over_time(job:alvh_{name}:leader[{HELD}])"))
    for name in HOURS:
        found.append(Record(name=f"job:alvh_{name}:any", expr=f"max by (job) (alvh_{name} == alvh_{name})"))
        held = f"last_over_time(job:alvh_{name}:any[{HOURS_HELD}])"
        found.append(Record(name=f"job:alvh_{name}:held", expr=held))
    for name, how in NODES.items():
        found.append(Record(name=f"job:alvh_{name}:{how}", expr=f"{how} by (job) (alvh_{name})"))
    found.append(Record(name="job:alvh_clock_skew_seconds:max", expr=SKEW))
    duty = "job:alvh_duty_start_timestamp_seconds:held <= bool time()"
    begun = "job:alvh_session_open_timestamp_seconds:held <= bool time()"
    lasts = "job:alvh_session_close_timestamp_seconds:held > bool time()"
    found.append(Record(name="job:alvh_duty:bool", expr=duty))
    found.append(Record(name="job:alvh_in_session:bool", expr=f"({begun}) * ({lasts})"))
    return found
