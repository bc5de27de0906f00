"""Every alert under promtool: it fires, not off duty, and not less because series vanish; healthy nodes are silent."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from monitoring.__main__ import RUNBOOK, files
from monitoring.alerts import ALERTS, Alert
from monitoring.rules import EVERY_S
from servers import program

STEP_S: Final = 30
FAULT_STEPS: Final = 40  # in which every alert must have fired
END_S: Final = STEP_S * FAULT_STEPS
HELD_S: Final = 600  # how long behind the vanishing of all series is looked
LONG_AFTER: Final = 1_000_000  # the next session, seconds: after a holiday
Series = Mapping[str, str]

PORTFOLIO: Final = 'portfolio="core"'
CLOCK: Final = f"0+{STEP_S}x{{n}}"
"""A timestamp that is always now."""

PHASES: Final = {f'alvh_phase{{a,{PORTFOLIO},phase="{phase}"}}': "0" for phase in ("OFF", "INITIAL", "STAGED")}
HEALTHY: Final[Series] = {
    "up{a}": "1",
    "up{b}": "1",
    "alvh_leader{a}": "1",
    "alvh_leader{b}": "0",
    "alvh_ready{a}": "1",
    "alvh_ready{b}": "0",
    "alvh_redis_connected{a}": "1",
    "alvh_redis_connected{b}": "1",
    "alvh_log_durable{a}": "1",
    "alvh_log_durable{b}": "0",
    'alvh_archive_fault{a,reason="unusable"}': "0",
    'alvh_archive_fault{a,reason="other_log"}': "0",
    'alvh_archive_fault{b,reason="other_log"}': "1",
    "alvh_mqtt_connected{a}": "1",
    "alvh_mqtt_connected{b}": "0",
    "alvh_feed_connected{a}": "1",
    "alvh_feed_connected{b}": "0",
    "alvh_heartbeat_timestamp_seconds{a}": CLOCK,
    "alvh_heartbeat_timestamp_seconds{b}": CLOCK,
    "alvh_clock_timestamp_seconds{a}": CLOCK,
    "alvh_clock_timestamp_seconds{b}": CLOCK,
    "alvh_feed_clock_offset_seconds{a}": "NaN",
    "alvh_duty_start_timestamp_seconds{a}": "1",
    "alvh_session_open_timestamp_seconds{a}": "1",
    "alvh_session_close_timestamp_seconds{a}": "1000000",
    "alvh_calendar_end_timestamp_seconds{a}": "50000000",
    'alvh_live_quote_timestamp_seconds{a,instrument="SPX"}': CLOCK,
    'alvh_live_quote_timestamp_seconds{a,instrument="RUT"}': CLOCK,
    'alvh_live_quote_timestamp_seconds{a,instrument="IWM"}': "0",
    'alvh_live_quote_timestamp_seconds{b,instrument="SPX"}': "0",
    "alvh_commit_timestamp_seconds{a}": CLOCK,
    "alvh_commit_timestamp_seconds{b}": "0",
    "alvh_publish_timestamp_seconds{a}": "100",
    "alvh_outbox_pending_messages{a}": "0",
    f'alvh_index_move_ratio{{a,{PORTFOLIO},index="SPX"}}': "0.01",
    f'alvh_index_move_ratio{{a,{PORTFOLIO},index="RUT"}}': "-0.005",
    f'alvh_index_move_ratio{{a,{PORTFOLIO},index="IWM"}}': "NaN",
    f"alvh_move_threshold_ratio{{a,{PORTFOLIO}}}": "0.03",
    f"alvh_sessions_since_rebalance{{a,{PORTFOLIO}}}": "3",
    f'alvh_timer_limit_sessions{{a,{PORTFOLIO},limit="soft"}}': "5",
    f'alvh_timer_limit_sessions{{a,{PORTFOLIO},limit="hard"}}': "10",
    f'alvh_phase{{a,{PORTFOLIO},phase="STANDBY"}}': "1",
    **PHASES,
    f"alvh_phase_timestamp_seconds{{a,{PORTFOLIO}}}": "0",
    f"alvh_hedge_cost_ratio{{a,{PORTFOLIO}}}": "0.4",
    f"alvh_hedge_cost_ratio{{b,{PORTFOLIO}}}": "0.9",
    f"alvh_hedge_cost_cap_ratio{{a,{PORTFOLIO}}}": "0.4",
    f"alvh_unanswered_adjustments{{a,{PORTFOLIO}}}": "0",
    f"alvh_account_differences{{a,{PORTFOLIO}}}": "0",
    f"alvh_answers_expected{{a,{PORTFOLIO}}}": "1",
    f"alvh_answer_deadline_timestamp_seconds{{a,{PORTFOLIO}}}": "0",
}
"""A leader and a hot standby in session; the standby's own figures are old, and count for nothing."""

OFF_DUTY: Final[Series] = {
    "alvh_duty_start_timestamp_seconds{a}": str(LONG_AFTER - 3600),
    "alvh_session_open_timestamp_seconds{a}": str(LONG_AFTER),
    "alvh_session_close_timestamp_seconds{a}": str(LONG_AFTER + 23_400),
}
CORE: Final = {"portfolio": "core"}
FAULTS: Final[Mapping[str, Sequence[tuple[Series, Mapping[str, str]]]]] = {
    "AlvhMoveNear": [
        ({f'alvh_index_move_ratio{{a,{PORTFOLIO},index="RUT"}}': "-0.025"}, {**CORE, "index": "RUT"}),
    ],
    "AlvhRebalanceDue": [
        (
            {f'alvh_index_move_ratio{{a,{PORTFOLIO},index="SPX"}}': "0.03"},
            {**CORE, "index": "SPX", "cause": "move"},
        ),
        ({f"alvh_sessions_since_rebalance{{a,{PORTFOLIO}}}": "9"}, {**CORE, "cause": "timer"}),
    ],
    "AlvhAdjustmentUnanswered": [({f"alvh_unanswered_adjustments{{a,{PORTFOLIO}}}": "1"}, CORE)],
    "AlvhAdjustmentLapsing": [
        (
            {
                f"alvh_unanswered_adjustments{{a,{PORTFOLIO}}}": "1",
                f"alvh_answer_deadline_timestamp_seconds{{a,{PORTFOLIO}}}": "4000",
            },
            CORE,
        ),
    ],
    "AlvhAccountDiffers": [({f"alvh_account_differences{{a,{PORTFOLIO}}}": "2"}, CORE)],
    "AlvhCapBreached": [({f"alvh_hedge_cost_ratio{{a,{PORTFOLIO}}}": "0.41"}, CORE)],
    "AlvhPhaseChanged": [
        (
            {
                f'alvh_phase{{a,{PORTFOLIO},phase="STANDBY"}}': "0",
                f'alvh_phase{{a,{PORTFOLIO},phase="INITIAL"}}': "1",
                f"alvh_phase_timestamp_seconds{{a,{PORTFOLIO}}}": "100",
            },
            {**CORE, "phase": "INITIAL"},
        ),
    ],
    "AlvhFeedStale": [
        ({'alvh_live_quote_timestamp_seconds{a,instrument="SPX"}': "200"}, {"instrument": "SPX"}),
        ({'alvh_live_quote_timestamp_seconds{a,instrument="SPX"}': "0"}, {"instrument": "SPX"}),
        ({'alvh_live_quote_timestamp_seconds{a,instrument="RUT"}': "200"}, {"instrument": "RUT"}),
    ],
    "AlvhFeedLost": [({"alvh_feed_connected{a}": "0"}, {})],
    "AlvhLogStalled": [({"alvh_commit_timestamp_seconds{a}": "100"}, {})],
    "AlvhCalendarEnds": [({"alvh_calendar_end_timestamp_seconds{a}": "1000000"}, {})],
    "AlvhNotReady": [({"alvh_ready{a}": "0"}, {})],
    "AlvhOutboxStuck": [({"alvh_outbox_pending_messages{a}": "3"}, {})],
    "AlvhNoLeader": [({"alvh_leader{a}": "0"}, {})],
    "AlvhTwoLeaders": [({"alvh_leader{b}": "1"}, {})],
    "AlvhRedisLost": [
        ({"alvh_redis_connected{a}": "0"}, {}),
        ({"alvh_redis_connected{b}": "0"}, {}),
    ],
    "AlvhLogNotDurable": [({"alvh_log_durable{a}": "0"}, {})],
    "AlvhArchiveFailed": [
        ({'alvh_archive_fault{a,reason="unusable"}': "1"}, {"reason": "unusable"}),
        ({'alvh_archive_fault{a,reason="other_log"}': "1"}, {"reason": "other_log"}),
    ],
    "AlvhBrokerLost": [({"alvh_mqtt_connected{a}": "0"}, {})],
    "AlvhClockSkew": [
        ({"alvh_clock_timestamp_seconds{b}": f"5+{STEP_S}x{{n}}"}, {}),
        ({"alvh_feed_clock_offset_seconds{a}": "-3"}, {}),
    ],
    "AlvhDown": [({"up{b}": "0"}, {"instance": "b:8080"})],
    "AlvhAbsent": [({}, {})],
    "AlvhHeartbeatOld": [
        ({"alvh_heartbeat_timestamp_seconds{a}": "90", "alvh_heartbeat_timestamp_seconds{b}": "90"}, {}),
    ],
    "AlvhWatchdog": [({}, {})],
}
CASES: Final = [(alert, *fault) for alert in ALERTS for fault in FAULTS[alert.name] if alert.name != "AlvhAbsent"]
JOBS: Final = [f"alvh-{number}" for number in range(len(CASES))]
"""Each case is an instance of its own, so that one run of promtool sees them all side by side."""


def _series(faulty: Series, *, steps: int, job: str = "alvh", then: str = "stale") -> list[dict[str, str]]:
    """The healthy series with some of them changed, for so many steps and then gone."""
    found = []
    for name, value in {**HEALTHY, **faulty}.items():
        if value == "NaN":  # promtool repeats numbers alone
            values = " ".join(["NaN"] * (steps + 1))
        else:
            values = value.format(n=steps) if "x" in value else f"{value}x{steps}"
        full = re.sub(r"\{([ab])", rf'{{job="{job}",instance="\1:8080"', name)
        found.append({"series": full, "values": f"{values} {then}".strip()})
    return found


def _all_cases(over: Series) -> list[dict[str, str]]:
    return [
        series
        for job, (_, faulty, _) in zip(JOBS, CASES, strict=True)
        for series in _series({**faulty, **over}, steps=FAULT_STEPS, job=job)
    ]


def _firing(seconds: int, chosen: str, *expected: Mapping[str, str]) -> dict[str, Any]:
    """What fires among the chosen alerts then: these, and no other."""
    samples = []
    for labels in expected:
        told = {"alertstate": "firing", "service": "alvh", **labels}
        samples.append({"labels": "ALERTS{" + ",".join(f'{k}="{v}"' for k, v in told.items()) + "}", "value": 1})
    return {
        "expr": f'ALERTS{{alertstate="firing",{chosen}}}',
        "eval_time": f"{seconds}s",
        "exp_samples": samples,
    }


def _only(alert: Alert, job: str, labels: Mapping[str, str]) -> Mapping[str, str]:
    of_job = {} if alert.name == "AlvhWatchdog" else {"job": job}
    return {"alertname": alert.name, "severity": alert.severity, **of_job, **labels}


def _chosen(alert: Alert, job: str) -> str:
    return f'alertname="{alert.name}"' if alert.name == "AlvhWatchdog" else f'alertname="{alert.name}",job="{job}"'


def _promtool(folder: Path, *tests: Mapping[str, Any]) -> None:
    promtool = program("promtool")
    for name in ("recorded.yml", "alerts.yml"):
        text = files()[f"prometheus/{name}"].replace(f"interval: {EVERY_S}s", f"interval: {STEP_S}s")
        (folder / name).write_text(text, encoding="utf-8")
    document = {
        "rule_files": ["recorded.yml", "alerts.yml"],
        "evaluation_interval": f"{STEP_S}s",
        "group_eval_order": ["alvh-recorded", "alvh-alerts"],
        "tests": [{"interval": f"{STEP_S}s", **test} for test in tests],
    }
    (folder / "tests.yml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "tests.yml"], cwd=folder, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_its_case() -> None:
    assert list(FAULTS) == [alert.name for alert in ALERTS]


def test_each_fires_and_does_not_resolve_because_series_vanish(tmp_path: Path) -> None:
    looks = []
    for seconds in (END_S, END_S + HELD_S):
        for job, (alert, _, labels) in zip(JOBS, CASES, strict=True):
            if (alert.name, seconds) == ("AlvhFeedStale", END_S + HELD_S):  # by then no index has quotes
                both = [_only(alert, job, {"instrument": name}) for name in ("SPX", "RUT")]
                looks.append(_firing(seconds, _chosen(alert, job), *both))
            else:
                looks.append(_firing(seconds, _chosen(alert, job), _only(alert, job, labels)))
    _promtool(tmp_path, {"input_series": _all_cases({}), "promql_expr_test": looks})


def test_none_fires_off_duty_or_on_a_holiday_but_the_watchdog(tmp_path: Path) -> None:
    watchdog = _only(ALERTS[-1], "", {})
    looks = [_firing(seconds, 'alertname!=""', watchdog) for seconds in (END_S // 2, END_S, END_S + HELD_S)]
    _promtool(tmp_path, {"input_series": _all_cases(OFF_DUTY), "promql_expr_test": looks})


def test_that_nothing_is_scraped_is_told_of(tmp_path: Path) -> None:
    absent = {"alertname": "AlvhAbsent", "severity": "critical"}
    looks = [_firing(END_S, 'alertname!="AlvhWatchdog"', absent)]
    _promtool(tmp_path, {"input_series": [], "promql_expr_test": looks})


def test_healthy_nodes_are_silent_and_what_is_mended_resolves(tmp_path: Path) -> None:
    mended = {f"alvh_hedge_cost_ratio{{a,{PORTFOLIO}}}": "0.41x10 0.39x{n}"}
    failed_over = {"alvh_leader{a}": "1x10 0x{n}", "alvh_leader{b}": "0x10 1x{n}"}
    failed_over |= {name.replace("{a", "{b"): value for name, value in HEALTHY.items() if "_seconds{a" in name}
    failed_over |= {
        "alvh_mqtt_connected{b}": "1",
        "alvh_log_durable{b}": "1",
        'alvh_archive_fault{b,reason="other_log"}': "0",
        "alvh_ready{b}": "1",
        "alvh_feed_connected{b}": "1",
    }
    failed_over |= {f"alvh_hedge_cost_ratio{{b,{PORTFOLIO}}}": "0.39"}
    series = [
        each
        for number, faulty in enumerate(({}, mended, failed_over))
        for each in _series(faulty, steps=FAULT_STEPS, job=f"alvh-{number}", then="")
    ]
    breached = {"alertname": "AlvhCapBreached", "severity": "critical", "job": "alvh-1", "portfolio": "core"}
    looks = [
        _firing(8 * STEP_S, 'alertname!="AlvhWatchdog"', breached),
        _firing(END_S, 'alertname!="AlvhWatchdog"'),
    ]
    _promtool(tmp_path, {"input_series": series, "promql_expr_test": looks})


def test_nodes_that_die_at_the_week_end_wake_somebody_before_the_next_session(tmp_path: Path) -> None:
    # A week-end takes long to evaluate; what matters is that nothing but the hours is left of the nodes.
    monday = {**OFF_DUTY, "alvh_duty_start_timestamp_seconds{a}": "6000"}
    nobody = {"alertname": "AlvhNoLeader", "severity": "critical", "job": "alvh"}
    looks = [_firing(5900, 'alertname!="AlvhWatchdog"'), _firing(6300, 'alertname="AlvhNoLeader"', nobody)]
    _promtool(tmp_path, {"input_series": _series(monday, steps=20), "promql_expr_test": looks})


def test_annotations_name_labels_that_are_there(tmp_path: Path) -> None:
    """Promtool renders them: what a label is missing would show as an empty word."""
    alert = next(alert for alert in ALERTS if alert.name == "AlvhMoveNear")
    told = {
        "exp_labels": {"job": "alvh", **CORE, "index": "RUT", "severity": "warning", "service": "alvh"},
        "exp_annotations": {
            "summary": "RUT is near the move at which core is rebalanced",
            "description": f"{alert.meaning} What to do: {alert.action}",
            "runbook_url": f"{RUNBOOK}#alvhmovenear",
        },
    }
    looks = [{"eval_time": f"{10 * STEP_S}s", "alertname": alert.name, "exp_alerts": [told]}]
    series = _series(FAULTS[alert.name][0][0], steps=20)
    _promtool(tmp_path, {"input_series": series, "alert_rule_test": looks})
    for each in ALERTS:
        for name in re.findall(r"\$labels\.(\w+)", each.summary):
            assert all(name in labels for _, labels in FAULTS[each.name]), (each.name, name)
